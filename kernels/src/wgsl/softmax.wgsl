// Softmax of a head's scores, by a workgroup: of sixty-four threads, whose maxima and sums meet as halving.wgsl says.
const THREADS: u32 = 64;

// Makes weights of the scores from number `first` on, of which there are as many as tokens.
fn soften(first: u32, i: u32) {
    soften_some(first, sizes.tokens, i);
}

// The same of so many.
fn soften_some(first: u32, count: u32, i: u32) {
    var top = -3.4028234e38;
    for (var t = i; t < count; t += THREADS) {
        top = max(top, scores[first + t]);
    }
    parts[i] = top;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        max_half(i, half);
    }
    top = parts[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var t = i; t < count; t += THREADS) {
        let e = exp(scores[first + t] - top);
        scores[first + t] = e;
        sum += e;
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        add_half(i, i, half);
    }
    let scale = 1.0 / parts[0];
    for (var t = i; t < count; t += THREADS) {
        scores[first + t] *= scale;
    }
}
