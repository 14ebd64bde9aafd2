import Serving

/// A seed replays any failure.
public typealias SeededRandom = SplitMix64
