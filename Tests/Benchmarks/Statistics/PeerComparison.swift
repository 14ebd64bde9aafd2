import Foundation
import TestSupport

/// mlctl and other tools on the same streams: false rollbacks, missed regressions, and the time to detect.
enum PeerComparison {
    /// The first column is mlctl.
    typealias Row = (scenario: PeerScenario, columns: [CanaryResults])

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var rows: [Row] = []
        for (index, scenario) in PeerScenario.all.enumerated() {
            let rules = scenario.rules
            let ends = await streams.map(cell: firstCell + index) { draws in
                let (looks, minutes) = scenario.hour(&draws)
                return [PeerScenario.end(of: looks)] + rules.map { $0.rule.end(of: minutes) }
            }
            let columns = (["mlctl"] + rules.map(\.name)).enumerated().map { column, name in
                CanaryResults(rule: name, isHealthy: scenario.isHealthy, ends: ends.map { $0[column] })
            }
            rows.append((scenario, columns))
        }
        printTable(rows)
        return rows.map { row in
            let healthy = rows.first { $0.scenario.what == row.scenario.healthy }
            return figure(row, healthy: healthy?.columns ?? [])
        }
    }

    /// Names every rule that is ahead of mlctl somewhere. It counts as better only if it keeps both guarantees: a rule
    /// that rolls back everything detects soonest, and a rule that promotes everything is never wrong about healthy
    /// candidates.
    private static func figure(_ row: Row, healthy: [CanaryResults]) -> Figure {
        let own = row.columns[0]
        let ahead = zip(row.columns, healthy).dropFirst().filter { $0.0.isAhead(of: own) }
        let described = ahead.map { column, healthy in
            let price = healthy.keepsPromise ? "" : "; rolls back \(percent(healthy.rolledBack)) of equal ones"
            return "\(column.rule) (\(column.described)\(price))"
        }
        return Figure(
            what: "neighbours: \(row.scenario.what)", goal: "none is better", measured: own.described,
            peer: described.isEmpty ? "" : "ahead: " + described.joined(separator: "; "),
            isMet: own.keepsPromise && !ahead.contains { $0.0.keepsPromise && $0.1.keepsPromise })
    }

    private static func printTable(_ rows: [Row]) {
        print("\nThe same streams by the rules of others: an hour at weight \(percent(PeerScenario.weight)),")
        print("50 requests/s (little traffic: 1/s). Tuned: by one who knows stable's rate.")
        for row in rows {
            print("  \(row.scenario.what)")
            for column in row.columns {
                print("    \(column.rule.padding(toLength: 18, withPad: " ", startingAt: 0)) \(column.described)")
            }
        }
    }
}
