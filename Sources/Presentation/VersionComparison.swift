/// The output of `mlctl version --check`.
package struct VersionComparison: Sendable {
    package struct Running: Hashable, Sendable {
        package var role: String
        package var version: String
        /// Whether it runs the very file that this command runs.
        package var isSameFile: Bool
        /// Whether it is meant to go on with the old program after an upgrade.
        package var outlivesUpgrades: Bool

        package init(role: String, version: String, isSameFile: Bool, outlivesUpgrades: Bool) {
            (self.role, self.version, self.isSameFile) = (role, version, isSameFile)
            self.outlivesUpgrades = outlivesUpgrades
        }

        fileprivate func note(own: String) -> String {
            if isSameFile { return "the same file" }
            if version == own { return "the same version, another file" }
            return outlivesUpgrades
                ? "goes on with it until its instance ends"
                : "restart it: 'systemctl restart mlctl' or as you started it"
        }
    }

    package let own: String
    package let running: [Running]
    private static let controller = "controller"

    package init(own: String, running: [Running]) { (self.own, self.running) = (own, running) }

    private var hasController: Bool { running.contains { $0.role == Self.controller } }

    /// Whether nothing has to be started or restarted.
    package var isFine: Bool { hasController && running.allSatisfy { $0.version == own || $0.outlivesUpgrades } }

    package func lines(on canvas: Canvas) -> [String] {
        var table = TextTable(["PROGRAM", "VERSION", "PROCESSES", "NOTE"])
        table.add(["this command", TextTable.Cell(own), "", ""])
        if !hasController {
            table.add([
                TextTable.Cell(Self.controller), .none, "0",
                TextTable.Cell("not running: what serves goes on, and nothing is rolled out or back", .bad),
            ])
        }
        var order: [Running] = []
        for program in running where !order.contains(program) { order.append(program) }
        for program in order {
            let isBad = program.version != own && !program.outlivesUpgrades
            table.add([
                TextTable.Cell(program.role), TextTable.Cell(program.version, isBad ? .bad : .plain),
                TextTable.Cell("\(running.count { $0 == program })"), TextTable.Cell(program.note(own: own)),
            ])
        }
        return table.lines(on: canvas)
    }
}
