import Foundation
import TestSupport
import Testing

/// Alerts and the dashboard use only metrics that exist.
@Suite("Alerts and dashboard")
struct MonitoringTests {
    private static let files = ["controller/alerts.yaml", "controller/grafana/mlctl.json"]

    /// The names of metrics in the sources of the controller and the proxy.
    private func counted() throws -> Set<String> {
        let sources = try ["Controller", "TrafficProxy"].flatMap(HouseTests.sources).map(\.text)
        return Set(sources.flatMap { $0.matches(of: #/"(mlctl_[a-z_]+)/#).map { String($0.1) } })
    }

    @Test("every metric in them exists", arguments: files)
    func names(file: String) throws {
        let counted = try counted()
        let named = Set(try RepositoryFiles.text(file).matches(of: #/\b(mlctl_[a-z_]+)/#).map { String($0.1) })
        #expect(named.count > 5)
        for name in named {
            let family = name.replacing(#/_(bucket|sum|count)$/#, with: "")
            #expect(
                counted.contains(name) || counted.contains(family),
                "\(file) names \(name), which nothing counts")
        }
    }

    @Test("every phase and event in them exists", arguments: files)
    func words(file: String) throws {
        let words = try HouseTests.sources(of: "Rollouts").filter {
            $0.path.hasSuffix("/Phase.swift") || $0.path.hasSuffix("/RolloutEvent.swift")
        }.map(\.text).joined()
        let text = try RepositoryFiles.text(file)
        let named = text.matches(of: #/(?:phase|kind)=~?\\?"([A-Za-z|]+)/#).flatMap { $0.1.split(separator: "|") }
        #expect(!named.isEmpty)
        for word in named {
            #expect(
                words.contains("\"\(word)\"") || words.contains(" \(word),") || words.contains(" \(word)\n"), "\(word)")
        }
    }

    @Test("the dashboard is JSON, and no two panels share an id or a place")
    func board() throws {
        let data = Data(try RepositoryFiles.text("controller/grafana/mlctl.json").utf8)
        let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(board["panels"] as? [[String: Any]])
        let ids = panels.compactMap { $0["id"] as? Int }
        #expect(Set(ids).count == panels.count)
        let places = panels.compactMap { $0["gridPos"] as? [String: Int] }.map { "\($0["x"] ?? -1) \($0["y"] ?? -1)" }
        #expect(Set(places).count == panels.count)
    }

    @Test("a pause that ends by itself is not counted as a wait for a person")
    func waiting() throws {
        let data = Data(try RepositoryFiles.text("controller/grafana/mlctl.json").utf8)
        let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(board["panels"] as? [[String: Any]])
        func expressions(_ title: String) -> String {
            panels.filter { $0["title"] as? String == title }.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
                .compactMap { $0["expr"] as? String }.joined()
        }
        let person = expressions("Waiting for a person")
        #expect(person.contains("mlctl_deployment_waiting_for_person") && !person.contains("Paused"))
        let clock = expressions("Paused by the clock")
        #expect(clock.contains("Paused") && clock.contains("mlctl_deployment_waiting_for_person"))
    }

    @Test("promtool accepts the rules", .enabled(if: RepositoryFiles.isInstalled("promtool")))
    func rules() throws {
        try ChildProcess.run(["promtool", "check", "rules", RepositoryFiles.url("controller/alerts.yaml").path()])
    }

    @Test("every alert has a test of when it fires, and of when it does not")
    func tested() throws {
        func names(_ file: String, _ key: String) throws -> [String] {
            try String(contentsOf: RepositoryFiles.url(file), encoding: .utf8)
                .matches(of: try Regex("\\b\(key): (Mlctl\\w+)")).compactMap {
                    $0.output[1].substring.map { String($0) }
                }
        }
        let tested = try names("controller/alerts-tests.yaml", "alertname")
        for alert in try names("controller/alerts.yaml", "alert") where alert != "MlctlServiceErrors" {
            #expect(tested.count { $0 == alert } >= 2, "\(alert)")
        }
        #expect(tested.contains("MlctlServiceErrors"), "its test has a deployment that it does not fire for")
    }

    @Test("the rules fire when they should", .enabled(if: RepositoryFiles.isInstalled("promtool")))
    func firing() throws {
        try ChildProcess.run(["promtool", "test", "rules", RepositoryFiles.url("controller/alerts-tests.yaml").path()])
    }
}
