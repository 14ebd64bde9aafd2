import Testing

@testable import Presentation

@Suite("Versions of what runs")
struct VersionComparisonTests {
    private func running(_ role: String, _ version: String, same: Bool = false, outlives: Bool = false)
        -> VersionComparison.Running
    {
        .init(role: role, version: version, isSameFile: same, outlivesUpgrades: outlives)
    }

    @Test("an old controller or proxy has to be restarted; an old keeper has not")
    func fine() {
        #expect(VersionComparison(own: "2", running: [running("controller", "2", same: true)]).isFine)
        let controller = running("controller", "2", same: true)
        #expect(VersionComparison(own: "2", running: [controller, running("keeper", "1", outlives: true)]).isFine)
        let alone = VersionComparison(own: "2", running: [running("keeper", "2", outlives: true)])
        #expect(!alone.isFine && alone.lines(on: Canvas()).contains { $0.contains("not running") })
        for role in ["controller", "proxy"] {
            #expect(!VersionComparison(own: "2", running: [running(role, "1")]).isFine)
            #expect(!VersionComparison(own: "2", running: [running(role, "unknown")]).isFine)
        }
    }

    @Test("processes with the same program share a row")
    func rows() {
        let comparison = VersionComparison(
            own: "2",
            running: [running("controller", "1")] + (0..<3).map { _ in running("keeper", "1", outlives: true) })
        let lines = comparison.lines(on: Canvas())
        #expect(lines.count == 4 && lines[3].contains("3"))
        #expect(lines[2].contains("restart it") && lines[3].contains("until its instance ends"))
    }
}
