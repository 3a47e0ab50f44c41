// One thread picks expert after expert.

// Picks the best by what `room` has, which it spoils, and leaves their numbers and weights.
fn pick() {
    var total = 0.0;
    for (var i = 0u; i < sizes.chosen; i++) {
        var best = 0u;
        for (var e = 1u; e < sizes.experts; e++) {
            if room[e] > room[best] {
                best = e;
            }
        }
        y[i] = f32(best);
        y[sizes.chosen + i] = scores[best];
        total += scores[best];
        room[best] = LOWEST;
    }
    for (var i = 0u; i < sizes.chosen; i++) {
        y[sizes.chosen + i] *= sizes.scale / total;
    }
}
