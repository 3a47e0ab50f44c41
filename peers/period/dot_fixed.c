/* The textbook's loop, as a compiler is given it: y[n] = W[n, k] x[k] in bytes and 32-bit sums. */
void dot_fixed(const signed char *w, const signed char *x, int *y, int rows, int columns)
{
    for (int r = 0; r < rows; r++) {
        int sum = 0;
        for (int c = 0; c < columns; c++)
            sum += w[r * columns + c] * x[c];
        y[r] = sum;
    }
}
