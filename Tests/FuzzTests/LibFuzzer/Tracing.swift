import CLibFuzzer
import Foundation

/// Selects the branches that guide libFuzzer. It checks every counter after every input. All modules together have some hundred
/// thousand, which takes more time than most parsers. So a target is guided by its own modules only.
///
/// The linker passes the registration of all counters to this program. The linker map from `make fuzz` says which belong to a
/// module.
enum Tracing {
    /// All counters. A table beside them has the addresses of their branches, two words each.
    nonisolated(unsafe) fileprivate static var counters: (start: UnsafeMutablePointer<UInt8>, count: Int)?
    nonisolated(unsafe) fileprivate static var branches: UnsafePointer<UInt>?

    /// - Parameters:
    ///   - modules: if empty, all modules that are traced.
    ///   - map: the linker map with the places of the counters.
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

    /// Merges adjacent ranges, because libFuzzer accepts a limited number of them.
    private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { joined, range in
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
    }

    /// `ADDRESS SIZE …/MODULE.build/FILE.o` for each object. Objects that the linker dropped are at address 0.
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
