import Analysis
import Foundation
import TestSupport

/// mlctl and its neighbours on the same streams: false rollbacks, misses, and the time to detect.
enum BesideNeighbours {
    /// How the streams of one scenario ended by one rule.
    struct Ends: Sendable {
        var isHealthy: Bool
        var ends: [CanaryEnd]

        var rolledBack: Double { ends.map { if case .rolledBack = $0 { true } else { false } }.share }
        var promoted: Double { ends.map { if case .promoted = $0 { true } else { false } }.share }
        var undecided: Double { ends.map { $0 == .undecided }.share }
        /// Healthy and rolled back, or bad and promoted.
        var wrong: Double { isHealthy ? rolledBack : promoted }
        var minutesToDetect: Double? {
            ends.map { if case .rolledBack(let minute) = $0 { Double(minute) } else { nil } }.medianOrNever
        }

        var minutesToPromote: Double? {
            ends.map { if case .promoted(let minute) = $0 { Double(minute) } else { nil } }.medianOrNever
        }

        var described: String {
            var parts = ["\(percent(wrong)) \(isHealthy ? "rolled back" : "missed")"]
            let minutes = isHealthy ? minutesToPromote : minutesToDetect
            parts.append("\(isHealthy ? "promoted" : "detected") \(minutes.map { "in \(text($0)) min" } ?? "never")")
            if undecided > 0 { parts.append("\(percent(undecided)) open") }
            return parts.joined(separator: ", ")
        }

        /// By more than two standard errors.
        func isMoreOftenWrong(than other: Ends) -> Bool {
            let spread = (wrong * (1 - wrong) + other.wrong * (1 - other.wrong)) / Double(max(1, ends.count))
            return wrong - other.wrong > 2 * spread.squareRoot()
        }

        func isLater(than other: Ends) -> Bool {
            guard !isHealthy, let theirs = other.minutesToDetect else { return false }
            return (minutesToDetect ?? .infinity) > theirs
        }
    }

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var table: [(scenario: NeighbourScenario, ends: [(name: String, ends: Ends)])] = []
        for (index, scenario) in NeighbourScenario.all.enumerated() {
            let rules = scenario.rules
            let ends = await streams.map(cell: firstCell + index) { draws in
                let (looks, minutes) = scenario.hour(&draws)
                return [NeighbourScenario.end(of: looks)] + rules.map { $0.rule.end(of: minutes) }
            }
            let names = ["mlctl"] + rules.map(\.name)
            table.append(
                (
                    scenario,
                    names.indices.map { column in
                        (names[column], Ends(isHealthy: scenario.isHealthy, ends: ends.map { $0[column] }))
                    }
                ))
        }
        printTable(table.map { ($0.scenario.what, $0.ends.map { ($0.name, $0.ends.described) }) })
        return table.map { row in
            let healthy = table.first { $0.scenario.what == row.scenario.healthy }?.ends ?? []
            return figure(row.scenario, row.ends, healthy: healthy)
        }
    }

    private static func figure(
        _ scenario: NeighbourScenario, _ ends: [(name: String, ends: Ends)], healthy: [(name: String, ends: Ends)]
    ) -> Figure {
        let own = ends[0].ends
        let ahead = zip(ends, healthy).dropFirst().compactMap { column, equal -> (text: String, counts: Bool)? in
            let beaten = own.isMoreOftenWrong(than: column.ends)
            guard beaten || own.isLater(than: column.ends) else { return nil }
            // Who rolls back everything is soon: what counts is to be soon, and right about healthy ones too.
            let keepsPromise =
                equal.ends.rolledBack * Double(equal.ends.ends.count)
                <= Promise.mostWithin(Promise.falseRollbackRate, of: equal.ends.ends.count)
            let price = keepsPromise ? "" : "; rolls back \(percent(equal.ends.rolledBack)) of equal ones"
            return (
                "\(column.name) (\(column.ends.described)\(price))",
                keepsPromise && !scenario.isHealthy || beaten && scenario.isHealthy
            )
        }
        return Figure(
            what: "neighbours: \(scenario.what)", goal: "none is better", measured: own.described,
            peer: ahead.isEmpty ? "none is" : "ahead: " + ahead.map(\.text).joined(separator: "; "),
            isMet: !ahead.contains(where: \.counts))
    }

    private static func printTable(_ rows: [(what: String, cells: [(name: String, text: String)])]) {
        print(
            "\nThe same streams by the rules of others: an hour at weight \(percent(NeighbourScenario.weight)), 50 requests/s (little traffic: 1/s)"
        )
        for row in rows {
            print("  \(row.what)")
            for cell in row.cells {
                print("    \(cell.name.padding(toLength: 18, withPad: " ", startingAt: 0)) \(cell.text)")
            }
        }
    }
}
