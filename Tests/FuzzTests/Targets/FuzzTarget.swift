/// A parser of foreign input, in the form that a fuzzer calls: bytes go in, and `check` verifies the properties of the result.
struct FuzzTarget: Sendable {
    /// Lower-case letters, digits and dashes. Used by `make fuzz ONLY=…` and for the corpus file.
    let name: String
    /// What the parser reads, and who writes it.
    let reads: String
    /// Words of the language, which mutations insert.
    let words: [String]
    /// The modules whose branches guide libFuzzer.
    let modules: [String]
    /// The number of mutated inputs in one test run. Smaller if one input costs more.
    let triesInTests: Int
    private let check: @Sendable ([UInt8]) throws -> Void

    /// The limit of an input's size. Costs that grow with the input show long before.
    static let bytesMax = 64 << 10

    /// - Parameter check: throws `Violation`. It catches the parser's own errors, because a refusal is not a violation.
    init(
        _ name: String, reads: String, of modules: [String], words: [String] = [], triesInTests: Int = 250,
        check: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.reads = reads
        self.words = words
        self.modules = modules
        self.triesInTests = triesInTests
        self.check = check
    }

    /// - Throws: `Violation`.
    func run(_ input: [UInt8]) throws {
        guard input.count <= Self.bytesMax else { return }
        try check(input)
    }
}

/// A property of a parser that does not hold.
struct Violation: Error, CustomStringConvertible {
    var description: String
}

func demand(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(description: otherwise()) }
}

/// Where to split an input into pieces. The places depend only on the input, so that a run can be repeated.
enum Cuts {
    static func places(in input: [UInt8], count: Int = 4) -> [Int] {
        guard !input.isEmpty else { return [] }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in input { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        var places: Set<Int> = []
        for _ in 0..<count {
            hash = (hash ^ (hash >> 29)) &* 0xbf58_476d_1ce4_e5b9
            places.insert(Int(hash >> 33) % (input.count + 1))
        }
        return places.sorted()
    }

    static func pieces(of input: [UInt8], count: Int = 4) -> [ArraySlice<UInt8>] {
        let ends = places(in: input, count: count) + [input.count]
        var start = 0
        return ends.map { end in
            defer { start = end }
            return input[start..<end]
        }
    }
}
