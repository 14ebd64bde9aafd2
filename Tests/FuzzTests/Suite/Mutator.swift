import TestSupport

/// Makes inputs from other inputs, the same ones for the same seed.
struct Mutator {
    private var random: SeededRandom
    private let seeds: [[UInt8]]
    private let words: [String]

    /// The limit of mutated inputs. Costs that grow faster than the input show at this size.
    private static let bytesMax = 8 << 10

    init(seed: UInt64, seeds: [[UInt8]], words: [String]) {
        random = SeededRandom(seed: seed)
        self.seeds = seeds
        self.words = words + FuzzTargets.extremes
    }

    mutating func next() -> [UInt8] {
        var input = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&input) }
        return Array(input.prefix(Self.bytesMax))
    }

    private mutating func change(_ input: inout [UInt8]) {
        if Int.random(in: 0..<3, using: &random) > 0,
            let changed = JSONMutation.mutated(input, words: words, using: &random)
        {
            input = changed
            return
        }
        let place = Int.random(in: 0...input.count, using: &random)
        let range = place..<min(input.count, place + Int.random(in: 0...32, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: if place < input.count { input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 1: input.removeSubrange(range)
        case 2: input.insert(contentsOf: input[range], at: place)
        case 3: input.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 4: input = Array(input[..<place]) + (seeds.randomElement(using: &random) ?? []).suffix(place)
        case 5: input.removeSubrange(place...)
        case 6: repeatWord(at: place, in: &input)
        default: input.replaceSubrange(range, with: word())
        }
    }

    /// Makes deep nesting, long lists and long names.
    private mutating func repeatWord(at place: Int, in input: inout [UInt8]) {
        let word = word()
        let times = [2, 16, 128, 2048].randomElement(using: &random) ?? 2
        let most = max(1, Self.bytesMax / max(word.count, 1))
        input.insert(contentsOf: Array(repeating: word, count: min(times, most)).joined(), at: place)
    }

    private mutating func word() -> [UInt8] { Array((words.randomElement(using: &random) ?? "a").utf8) }
}
