import Foundation
import Testing

/// A short run of every target in the build of all other tests: its corpus, and mutations of it. `make fuzz` runs the same
/// targets for minutes with libFuzzer.
@Suite("Parsers of foreign input")
struct FuzzTests {
    static let seed: UInt64 = 20_261_130

    /// All targets, or the one that the environment names.
    static let names = FuzzTargets.all.map(\.name).filter { name in
        ProcessInfo.processInfo.environment["MLCTL_FUZZ_ONLY"].map { $0 == name } ?? true
    }

    @Test("hold their properties for every input", arguments: names)
    func holds(name: String) throws {
        let target = try #require(FuzzTargets.named(name))
        let kept = try CorpusFile(of: name).inputs()
        print("fuzz \(name): seed \(Self.seed), \(kept.count) corpus inputs and \(target.triesInTests) mutations")
        var mutator = Mutator(seed: Self.seed, seeds: kept, words: target.words)
        for index in 0..<kept.count + target.triesInTests {
            let input = index < kept.count ? kept[index] : mutator.next()
            try Self.trace(input, of: name)
            do {
                try target.run(input)
            } catch {
                Issue.record(
                    "\(name), input \(index): \(error)\nThe input, in the corpus format: \(CorpusFile.line(input))")
                return
            }
        }
    }

    /// A parser that traps ends the process and loses the input. This saves it as a file for `make fuzz`.
    private static func trace(_ input: [UInt8], of target: String) throws {
        guard let folder = ProcessInfo.processInfo.environment["MLCTL_FUZZ_TRACE"] else { return }
        try Data(input).write(to: URL(filePath: folder).appending(path: target))
    }

    @Test("each target has its own name and a corpus, and each corpus has a target")
    func corpora() throws {
        let names = FuzzTargets.all.map(\.name)
        #expect(Set(names).count == names.count)
        let files = try FileManager.default.contentsOfDirectory(atPath: CorpusFile.folder.path(percentEncoded: false))
        #expect(Set(files) == Set(names.map { "\($0).txt" }))
        for name in names {
            let corpus = try CorpusFile(of: name)
            #expect(try !corpus.inputs().isEmpty, "\(name)")
            #expect(corpus.text.utf8.count <= 2 * CorpusFile.bytesMax && corpus.lines.count <= 2 * CorpusFile.inputsMax)
        }
    }

    @Test("an input is stored on one line of the corpus, and is read back")
    func corpusLines() throws {
        let inputs: [[UInt8]] = [Array(0...255), Array("#\\x".utf8), Array("\\n\n\r\t\\".utf8), [0x5c], [0xff]]
        for input in inputs {
            let line = CorpusFile.line(input)
            #expect(!line.contains("\n") && !line.hasPrefix("#"))
            #expect(try CorpusFile.input(line) == input)
        }
        #expect(throws: Violation.self) { try CorpusFile.input("\\q") }
        #expect(throws: Violation.self) { try CorpusFile.input("\\x4") }
        var corpus = CorpusFile(text: "# said\nab\n")
        corpus.add([Array("abc".utf8), Array("ab".utf8), Array("c".utf8), []])
        #expect(corpus.text == "# said\nab\nc\nabc\n")
        corpus.add((0..<CorpusFile.inputsMax * 2).map { Array("\($0)".utf8) })
        #expect(corpus.lines.count == CorpusFile.inputsMax)
    }

    @Test("the same seed gives the same inputs")
    func repeatable() {
        let seeds = [Array("{\"a\": [1, {\"b\": 2}]}".utf8), Array("GET / HTTP/1.1\r\n\r\n".utf8)]
        var (one, other) = (Mutator(seed: 7, seeds: seeds, words: ["x"]), Mutator(seed: 7, seeds: seeds, words: ["x"]))
        let inputs = (0..<300).map { _ in one.next() }
        #expect(inputs == (0..<300).map { _ in other.next() })
        #expect(Set(inputs).count > 200)
        let documents = inputs.count { (try? JSONSerialization.jsonObject(with: Data($0))) != nil }
        #expect(documents > 50, "structures are changed, and stay documents")
    }

    @Test("a parser that reads past an input's end is stopped")
    func guarded() async throws {
        await #expect(processExitsWith: .failure) {
            try GuardedBytes.reading([1, 2, 3]) { raw in
                if let start = raw.baseAddress { print(start.load(fromByteOffset: 3, as: UInt8.self)) }
            }
        }
        try GuardedBytes.reading([1, 2, 3]) { raw in #expect(Array(raw) == [1, 2, 3]) }
        try GuardedBytes.reading([]) { raw in #expect(raw.isEmpty) }
        let pieces = Cuts.pieces(of: Array(0..<100))
        #expect(pieces.flatMap(Array.init) == Array(0..<100) && pieces.count > 2)
    }

    @Test("a violation is reported with its message")
    func violations() {
        let target = FuzzTarget("t", reads: "nothing", of: []) { input in
            try demand(input.count < 3, "\(input.count) bytes")
        }
        #expect(throws: Never.self) { try target.run([1]) }
        #expect(throws: Violation.self) { try target.run([1, 2, 3]) }
        #expect(throws: Never.self) { try target.run([UInt8](repeating: 0, count: FuzzTarget.bytesMax + 1)) }
    }
}
