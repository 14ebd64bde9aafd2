import Serving

/// A seed replays any failure.
package typealias SeededRandom = SplitMix64
