import CLibFuzzer
import Foundation

/// The program of `make fuzz`: one target at a time, with libFuzzer.
///
///     Fuzz list
///     Fuzz words NAME            its dictionary, for -dict
///     Fuzz unpack NAME FOLDER    its corpus, one file per input
///     Fuzz keep NAME FOLDER      adds the files' inputs to the corpus, as long as there is room
///     Fuzz run NAME …            libFuzzer with its own arguments: https://llvm.org/docs/LibFuzzer.html
@main
enum Fuzz {
    static func main() throws {
        let arguments = CommandLine.arguments
        switch (arguments.dropFirst().first, arguments.count) {
        case ("list", 2): for target in FuzzTargets.all { print(target.name) }
        case ("words", 3): for word in Chosen.target.words + FuzzTargets.extremes { print("\"\(quoted(word))\"") }
        case ("unpack", 4): try unpack(into: URL(filePath: arguments[3]))
        case ("keep", 4): try keep(of: URL(filePath: arguments[3]))
        case ("run", 3...): exit(run())
        default: end("use: Fuzz list | words NAME | unpack NAME FOLDER | keep NAME FOLDER | run NAME ARGUMENTS")
        }
    }

    /// The target of this process: libFuzzer calls a function without a context.
    enum Chosen {
        static let target: FuzzTarget = {
            let name = CommandLine.arguments.dropFirst(2).first ?? ""
            guard let target = FuzzTargets.named(name) else { Fuzz.end("there is no target '\(name)': see Fuzz list") }
            return target
        }()
        static let words = target.words + FuzzTargets.extremes
    }

    private static func run() -> Int32 {
        _ = Chosen.target
        // The program's name, and the arguments after the target's name.
        var arguments = CommandLine.unsafeArgv
        arguments[2] = arguments[0]
        arguments += 2
        var count = CommandLine.argc - 2
        var start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
        do {
            try Tracing.begin(Chosen.target.modules, map: URL(filePath: CommandLine.arguments[0] + ".counters"))
        } catch {
            end("the map of counters beside the program cannot be read: \(error)")
        }
        return LLVMFuzzerRunDriver(&count, &start) { bytes, size in
            Fuzz.check(Array(UnsafeBufferPointer(start: bytes, count: size)))
            return 0
        }
    }

    private static func check(_ input: [UInt8]) {
        do {
            try Chosen.target.run(input)
        } catch {
            FileHandle.standardError.write(
                Data("VIOLATION \(Chosen.target.name): \(error)\n\(CorpusFile.line(input))\n".utf8))
            abort()
        }
    }

    private static func unpack(into folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, input) in try CorpusFile(of: Chosen.target.name).inputs().enumerated() {
            try Data(input).write(to: folder.appending(path: "kept-\(index)"))
        }
    }

    private static func keep(of folder: URL) throws {
        var corpus = try CorpusFile(of: Chosen.target.name)
        let before = corpus.lines.count
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted()
        corpus.add(try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) })
        try corpus.text.write(to: CorpusFile.url(of: Chosen.target.name), atomically: true, encoding: .utf8)
        print("\(Chosen.target.name): \(corpus.lines.count - before) new inputs in the corpus")
    }

    /// In the syntax of libFuzzer's dictionaries.
    private static func quoted(_ word: String) -> String {
        word.utf8.map { byte in
            let isPlain = (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            return isPlain ? String(Unicode.Scalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private static func end(_ message: String) -> Never {
        FileHandle.standardError.write(Data("\(message)\n".utf8))
        exit(2)
    }
}

/// Mutates every second JSON input as a document. libFuzzer mutates the bytes of all others.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int, _ seed: UInt32) -> Int {
    guard seed & 1 == 0 else { return LLVMFuzzerMutate(data, size, room) }
    var random = StepRandom(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15)
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    guard let changed = JSONMutation.mutated(input, words: Fuzz.Chosen.words, using: &random), changed.count <= room,
        !changed.isEmpty
    else { return LLVMFuzzerMutate(data, size, room) }
    data.update(from: changed, count: changed.count)
    return changed.count
}

/// SplitMix64, seeded by libFuzzer.
private struct StepRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
