import ModelManifests
import Testing

@testable import Analysis

@Suite("One block of costs")
struct CostLevelTests {
    private func counts(_ cpu: Double, requests: Double, seconds: Double = 10, mebibytes: Double = 0) -> CostCounts {
        var counts = CostCounts()
        (counts.cpuSeconds, counts.requests, counts.instanceSeconds) = (cpu, requests, seconds)
        counts.memoryByteSeconds = mebibytes * 1_048_576 * seconds
        return counts
    }

    private func cpu(_ stable: CostCounts, _ candidate: CostCounts, idle: Double?) -> CostLevel {
        .ofCPU(CostBlock(stable: stable, candidate: candidate), tolerance: 1.25, idle: idle)
    }

    @Test("with equally many requests, the cost of a server without requests is the same on both sides")
    func alike() {
        #expect(cpu(counts(4, requests: 500), counts(4, requests: 500), idle: nil) == .within)
        #expect(cpu(counts(4, requests: 500), counts(8, requests: 500), idle: nil) == .above)
        #expect(cpu(counts(4, requests: 500), counts(4.9, requests: 500), idle: 1) == .within)
    }

    @Test("with fewer requests, only CPU that no idle server uses counts against the candidate")
    func lonely() {
        let stable = counts(9.5, requests: 950)
        let candidate = counts(1, requests: 50)
        #expect(cpu(stable, candidate, idle: nil) == .unclear)
        #expect(cpu(stable, candidate, idle: 0.1) == .unclear)
        #expect(cpu(stable, candidate, idle: 0.01) == .above)
        #expect(cpu(stable, counts(0.5, requests: 50), idle: 0.05) == .within)
    }

    @Test("with more requests, stable's own work makes the candidate look neither dearer nor cheaper")
    func busy() {
        // Both cost 10 ms per request and 10 % of a core: stable 1 + 1 s, the candidate 9 + 1 s.
        #expect(cpu(counts(2, requests: 100), counts(10, requests: 900), idle: 0.1) == .within)
        // The candidate costs 20 ms per request, which stable's own work could hide.
        #expect(cpu(counts(2, requests: 100), counts(19, requests: 900), idle: 0.1) == .unclear)
        #expect(cpu(counts(1, requests: 100), counts(18, requests: 900), idle: 0.1) == .above)
    }

    @Test("one more tick of the kernel is not a difference")
    func ticks() {
        #expect(cpu(counts(0.01, requests: 500), counts(0.03, requests: 500), idle: 0.01) == .within)
        #expect(cpu(counts(0, requests: 0), counts(1, requests: 500), idle: 0.01) == .unclear)
    }

    @Test("memory is compared with the tolerance, plus one mebibyte")
    func memory() {
        func level(_ stable: Double, _ candidate: Double) -> CostLevel {
            .ofMemory(
                CostBlock(
                    stable: counts(0, requests: 0, seconds: 30, mebibytes: stable),
                    candidate: counts(0, requests: 0, mebibytes: candidate)), tolerance: 1.25)
        }
        #expect(level(100, 125) == .within)
        #expect(level(100, 130) == .above)
        #expect(level(2, 3) == .within)
    }

    @Test("three blocks in a row within pass, three above end that, and more than the limit fail")
    func run() {
        func verdict(_ levels: String) -> Verdict {
            var run = CostStreak()
            for level in levels { run.note(level == "a" ? .above : level == "w" ? .within : .unclear) }
            return run.verdict(failureLimit: 5)
        }
        #expect(verdict("ww") == .insufficient)
        #expect(verdict("www") == .pass)
        #expect(verdict("wuwuwu") == .insufficient)
        #expect(verdict("wwwaauaa") == .pass)
        #expect(verdict("wwwaaa") == .insufficient)
        #expect(verdict("aaaaa") == .insufficient)
        #expect(verdict("aaaaawaaaaa") == .insufficient)
        #expect(verdict("aaaaaa") == .fail)
    }
}
