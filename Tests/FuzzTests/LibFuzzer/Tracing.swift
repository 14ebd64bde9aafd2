import CLibFuzzer
import Foundation

/// Which branches guide libFuzzer. It looks at each of them after every input: those of all modules are some hundred
/// thousand, and take more time than most parsers. So a target is guided by the modules that it is about.
///
/// The linker hands the registration of all counters to this program, and what `make fuzz` takes from its map says where those of a module lie.
enum Tracing {
    /// All counters; the addresses of their branches are a table beside, two words each.
    nonisolated(unsafe) fileprivate static var counters: (start: UnsafeMutablePointer<UInt8>, count: Int)?
    nonisolated(unsafe) fileprivate static var branches: UnsafePointer<UInt>?

    /// - Parameters:
    ///   - modules: none: all that are traced.
    ///   - map: what the linker says of the counters.
    static func begin(_ modules: [String], map: URL) throws {
        guard let (start, count) = counters, let branches else { return }
        var ranges = [0..<count]
        if !modules.isEmpty {
            let placed = try places(in: String(contentsOf: map, encoding: .utf8))
            let first = placed.map(\.address).min() ?? 0
            ranges = placed.filter { modules.contains($0.module) }.map {
                Int($0.address - first)..<Int($0.address - first) + $0.bytes
            }
        }
        for range in joined(ranges) where range.upperBound <= count {
            __real___sanitizer_cov_8bit_counters_init(start + range.lowerBound, start + range.upperBound)
            __real___sanitizer_cov_pcs_init(branches + 2 * range.lowerBound, branches + 2 * range.upperBound)
        }
    }

    /// Neighbours as one: there is a limit to how many libFuzzer takes.
    private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { joined, range in
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
    }

    /// `ADDRESS SIZE …/MODULE.build/FILE.o` for each object; what the linker left out is at 0.
    private static func places(in map: String) -> [(module: String, address: UInt64, bytes: Int)] {
        map.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let address = UInt64(words[0].dropFirst(2), radix: 16), address > 0,
                let bytes = Int(words[1].dropFirst(2), radix: 16),
                let folder = words[2].split(separator: "/").first(where: { $0.hasSuffix(".build") && $0 != ".build" })
            else { return nil }
            return (String(folder.dropLast(".build".count)), address, bytes)
        }
    }
}

@_cdecl("__wrap___sanitizer_cov_8bit_counters_init")
func takeCounters(_ start: UnsafeMutablePointer<UInt8>, _ stop: UnsafeMutablePointer<UInt8>) {
    Tracing.counters = (start, stop - start)
}

@_cdecl("__wrap___sanitizer_cov_pcs_init")
func takeBranches(_ start: UnsafePointer<UInt>, _ stop: UnsafePointer<UInt>) { Tracing.branches = start }
