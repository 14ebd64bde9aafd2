import ArgumentParser
import Foundation
import KubernetesClient
import Testing

@testable import Commands

@Suite("The controller's settings file")
struct RunSettingsTests {
    private func settings(_ text: String) throws -> RunSettings {
        let file = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try RunSettings(contentsOf: file.path(percentEncoded: false))
    }

    private func fault(_ text: String) -> String? {
        do {
            _ = try settings(text)
            return nil
        } catch {
            return (error as? ValidationError)?.message
        }
    }

    @Test("names the sources that gates can query")
    func sources() throws {
        let settings = try settings(
            """
            tokenFile: /etc/token
            sources:
            - name: prometheus
              kind: prometheus
              url: https://prometheus.example.com
              bearerTokenFile: /etc/prometheus-token
              timeout: 5s
            - {name: quality, kind: web, url: "https://q.example.com/{{name}}", headers: [{name: A, fromFile: /a}]}
            - {name: probe, kind: command, command: [probe, --json]}
            """)
        #expect(settings.sources.map(\.name) == ["prometheus", "quality", "probe"])
        #expect(settings.tokenFile == "/etc/token")
    }

    @Test("names who may reach the proxies' control port, and unknown fields there are refused")
    func proxyControl() throws {
        let settings = try settings(
            """
            proxyControlFrom:
            - {namespace: mlctl, podLabels: {app.kubernetes.io/name: mlctl-controller}}
            - {namespace: "123"}
            - {cidr: 10.0.0.0/8}
            """)
        #expect(
            settings.serving.proxyControlFrom == [
                .pods(namespace: "mlctl", labels: ["app.kubernetes.io/name": "mlctl-controller"]),
                .pods(namespace: "123", labels: [:]), .addresses(cidr: "10.0.0.0/8"),
            ])
        #expect(RunSettings().serving.proxyControlFrom.isEmpty)
        let wrongPeers = [
            "{namespace: a, podLabel: {b: c}}", "{podLabels: {b: c}}", "{namespace: a, cidr: 10.0.0.0/8}", "{}",
        ]
        for wrong in wrongPeers {
            let message = try #require(self.fault("proxyControlFrom: [\(wrong)]"), "\(wrong)")
            #expect(message.contains("{namespace: …, podLabels: {…}}"), "\(message)")
        }
    }

    @Test("a controller in a pod closes the proxies' control port only in its own cluster")
    func proxyControlOfClusters() throws {
        let settings = try settings("proxyControlFrom: [{namespace: mlctl}]")
        func peers(_ cluster: String, isPod: Bool) -> Int {
            ClusterSites.serving(settings, in: ClusterSettings(name: cluster), isPod: isPod).proxyControlFrom.count
        }
        #expect(peers(ClusterSites.ownCluster, isPod: true) == 1)
        #expect(peers("elsewhere", isPod: true) == 0)
        #expect(peers("elsewhere", isPod: false) == 1)
    }

    @Test("names the clusters and their serving settings")
    func clusters() throws {
        let settings = try settings(
            """
            name: team-a
            clusters:
            - {name: prod, kubeconfig: /etc/prod, context: admin}
            - {name: staging, context: staging}
            image: registry.example.com/mlctl:1
            storageInitializer: {image: "registry.example.com/init:1"}
            """)
        #expect(settings.name == "team-a")
        #expect(settings.clusters.map(\.name) == ["prod", "staging"])
        #expect(settings.clusters.first?.kubeconfig == "/etc/prod" && settings.clusters.last?.context == "staging")
        #expect(settings.serving.image == "registry.example.com/mlctl:1")
        #expect(settings.serving.storageInitializerImage == "registry.example.com/init:1")
        #expect(settings.serving.proxyReplicas == 2)
    }

    @Test("is optional, and may be empty", arguments: ["", "# nothing\n", "sources:\n", "sources: []\n"])
    func none(text: String) throws { #expect(try settings(text).sources.isEmpty) }

    @Test("with an error is refused, with the place and the reason")
    func faults() {
        for (text, words) in [
            ("source: []", "unknown setting source; the settings are clusters, image, imagePullSecrets, name, "),
            ("clusters: [{kubeconfig: /a}]", "name: is missing"),
            ("clusters: [{name: a}, {name: a}]", "cluster 'a' is given twice"),
            ("proxyReplicas: 0", "proxyReplicas: must be from 1 to 100"),
            ("sources: 3", "sources: "),
            ("sources: [prometheus]", "each must be an object"),
            ("sources: [{name: p, kind: prometheus, uri: x}]", "source 'p': unknown field uri; prometheus has"),
            (
                "sources: [{name: p, kind: prometheus, url: 'http://h', timeout: 10}]",
                "timeout: '10' must be a duration"
            ),
            (
                "sources:\n- {name: c, kind: command, command: [x]}\n- {name: c, kind: command, command: [y]}",
                "source 'c' is defined twice"
            ),
            ("webhook: {url: 'https://h'}", "webhook.secretFile: is missing"),
            ("sources: [", ":2:1: while parsing a flow node, "),
            ("name: a\nprojects:\n- {name: a, name: b}", "name is given twice"),
            ("name: *x", "undefined alias"),
        ] {
            let found = fault(text)
            #expect(found?.contains(words) == true, "'\(found ?? "no fault")' where '\(words)' was wanted")
        }
    }

    /// Every setting in the annotated file is known, and its examples are valid.
    @Test("is read as the annotated example explains")
    func documented() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "controller/mlctl.yaml"), encoding: .utf8)
        #expect(try settings(text).sources.isEmpty)
        let lines = text.split(separator: "\n").drop { $0 != "# sources:" }.map { $0.dropFirst(2) }
        // Lines that neither begin nor continue an item are prose. Of two exclusive examples one is taken.
        let examples = lines.filter { line in
            ["sources:", "- ", "  "].contains { line.hasPrefix($0) } && !line.contains("  basicAuth")
        }
        let found = try settings(examples.joined(separator: "\n")).sources
        #expect(found.map(\.name) == ["prometheus", "quality", "probe"])
    }
}
