/* The textbook's loop, as a compiler is given it: y[n] = W[n, k] x[k] in bytes and 32-bit sums. */
void dot_fixed(const signed char *w, const signed char *x, long *y, int rows, int columns)
{
    int r, c;
    for (r = 0; r < rows; r++) {
        long sum = 0;
        for (c = 0; c < columns; c++)
            sum += *w++ * x[c];
        y[r] = sum;
    }
}
