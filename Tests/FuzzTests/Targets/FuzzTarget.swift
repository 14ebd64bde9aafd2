/// A parser of what others write, as a fuzzer calls it: bytes go in, and `check` says what must hold of whatever comes out.
struct FuzzTarget: Sendable {
    /// Lower-case letters, digits and dashes: `make fuzz ONLY=…` and the corpus file go by it.
    let name: String
    /// What is read, and who writes it.
    let reads: String
    /// Words of its language, which mutations put in.
    let words: [String]
    /// Modules whose branches guide libFuzzer.
    let modules: [String]
    /// Mutated inputs that one run of the tests tries. Fewer where one input costs more.
    let triesInTests: Int
    private let check: @Sendable ([UInt8]) throws -> Void

    /// Larger inputs are not tried: what grows with the input shows long before.
    static let bytesMax = 64 << 10

    /// - Parameter check: throws `Violation`. Refusals of the parser are no violations: it catches them itself.
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

/// Something that must hold of a parser does not.
struct Violation: Error, CustomStringConvertible {
    var description: String
}

func demand(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(description: otherwise()) }
}

/// Where an input is cut, to feed it in pieces: places that depend on the input alone, so that a run can be repeated.
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
