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
            """)
        #expect(settings.name == "team-a")
        #expect(settings.clusters.map(\.name) == ["prod", "staging"])
        #expect(settings.clusters.first?.kubeconfig == "/etc/prod" && settings.clusters.last?.context == "staging")
        #expect(settings.serving.image == "registry.example.com/mlctl:1")
        #expect(settings.serving.proxyReplicas == 2)
    }

    @Test("is optional, and may be empty", arguments: ["", "# nothing\n", "sources:\n", "sources: []\n"])
    func none(text: String) throws { #expect(try settings(text).sources.isEmpty) }

    @Test("every error is said in one run: unknown settings, unreadable entries, tokens, clusters and projects")
    func allFaults() throws {
        let message = try #require(
            fault(
                """
                nmae: a
                proxyReplicas: many
                tokens:
                - {name: a, file: /a, role: boss}
                - {name: b, role: viewer}
                - {name: "c d", file: /c, role: viewer}
                webhook: 3
                projects:
                - {name: x}
                """))
        let lines = message.split(separator: "\n")
        for words in [
            ":1:1: nmae: unknown setting", ":2:1: proxyReplicas: ", ":4:23: tokens[0].role: 'boss' is not a role",
            ":5:3: tokens[1].file: is missing", ":7:1: webhook", ":9:3: projects[0].repo: ",
        ] {
            #expect(lines.contains { $0.contains(words) }, "\(words) is not in \(message)")
        }
    }

    @Test("several errors of tokens are all said")
    func allFaultsOfTokens() throws {
        let message = try #require(
            fault("tokens:\n- {name: a b, file: '', role: viewer}\n- {name: c, file: /c, role: admin, namespaces: [x]}")
        )
        #expect(message.contains(":2:4: tokens[0].name") && message.contains(":2:15: tokens[0].file"))
        #expect(message.contains(":3:") && message.contains("tokens[1].role"))
    }

    @Test("a target with an error is not taken for a contradiction of other rules")
    func noFollowOnFaults() throws {
        let message = try #require(
            fault(
                "projects:\n- name: x\n  repo: /r\n  policy:\n    targets: [{kind: local}, {kind: kubernets}]\n"
                    + "    podSecurity: baseline\n    serviceAccounts: [a]"))
        #expect(message.contains("kubernets") && !message.contains("is about clusters"))
        let other = try #require(
            fault(
                "projects:\n- name: x\n  repo: /r\n  policy:\n    targets: [{kind: local}]\n    podSecurity: baseline"))
        #expect(other.contains("is about clusters"))
    }

    @Test("with an error is refused, with the place and the reason")
    func faults() {
        for (text, words) in [
            ("name: a\nsource: []", ":2:1: source: unknown setting; did you mean 'sources'"),
            ("clusters: [{kubeconfig: /a}]", ":1:12: clusters[0].name: is missing"),
            ("clusters: [{name: a}, {name: a}]", ":1:24: clusters[1].name: cluster 'a' is given twice"),
            ("proxyReplicas: 0", ":1:1: proxyReplicas: must be from 1 to 100"),
            ("sources: 3", ":1:1: sources: must be a list, as in controller/mlctl.yaml"),
            ("tokens: {name: a}", ":1:1: tokens: must be a list, as in controller/mlctl.yaml"),
            ("name: [a]", ":1:1: name: must be text, as in controller/mlctl.yaml"),
            ("sources: [prometheus]", ":1:11: sources[0]: each must be an object"),
            (
                "sources: [{name: p, kind: prometheus, uri: x}]",
                ":1:39: sources[0].uri: source 'p': unknown field uri; prometheus has"
            ),
            (
                "sources: [{name: p, kind: prometheus, url: 'http://h', timeout: 10}]",
                ":1:56: sources[0].timeout: source 'p': '10' must be a duration"
            ),
            (
                "sources:\n- name: p\n  kind: prometheus\n  url: https://h\n  basicAuth:\n    user: x",
                ":6:5: sources[0].basicAuth.user: source 'p': unknown field user"
            ),
            ("tokens:\n- {name: a, file: /a, role: boss}", ":2:23: tokens[0].role: 'boss' is not a role"),
            ("tokens:\n- {name: a, file: /a, role: viewer, scope: x}", ":2:37: tokens[0].scope: unknown field 'scope'"),
            ("tokens:\n- {name: a b, file: /a, role: viewer}", ":2:4: tokens[0].name: 'a b' is not a valid name"),
            ("tokens:\n- {name: a, role: viewer}", ":2:3: tokens[0].file: is missing"),
            (
                "tokens:\n- {name: a, file: /a, role: viewer, projects: [x, y]}\nprojects:\n- {name: x, repo: /r}",
                ":2:51: tokens[0].projects[1]: 'a': project 'y' does not exist"
            ),
            ("tls: {certificateFile: '', keyFile: /k}", ":1:7: tls.certificateFile: must not be empty"),
            (
                "projects:\n- name: x\n  repo: /r\n  ref:\n    semver: '<2 >=2'",
                ":5:5: projects[0].ref.semver: project 'x': "
            ),
            ("projects:\n- {name: x, repo: /r, ref: {tag: 'a..b'}}", ":2:29: projects[0].ref.tag: project 'x': "),
            ("projects:\n- {name: x, repo: 'ftp://h/r'}", ":2:13: projects[0].repo: project 'x': "),
            ("projects:\n- {name: x, repo: /r, path: ../y}", ":2:23: projects[0].path: project 'x': "),
            ("webhook:\n  url: http://h\n  secretFile: /s", ":2:3: webhook.url: "),
            ("webhook: {url: 'https://token@h/x', secretFile: /s}", ":1:11: webhook.url: "),
            (
                "sources:\n- {name: c, kind: command, command: [x]}\n- {name: c, kind: command, command: [y]}",
                "source 'c' is defined twice"
            ),
            ("webhook: {url: 'https://h'}", ":1:1: webhook.secretFile: is missing"),
            ("sources: [", ":2:1: while parsing a flow node, "),
            ("name: a\nprojects:\n- {name: a, name: b}", "name is given twice"),
            ("name: *x", "undefined alias"),
        ] {
            let found = fault(text)
            #expect(found?.contains(words) == true, "'\(found ?? "no fault")' where '\(words)' was wanted")
        }
    }

    @Test("says all that is wrong at once, where it can be read at all")
    func several() {
        let found = fault(
            """
            tokens: [{name: a, file: '', role: viewer}]
            proxyReplicas: 0
            projects:
            - {name: x, repo: 'ftp://h/r', ref: {semver: 'no'}}
            """)
        #expect(found?.split(separator: "\n").count == 4, "\(found ?? "")")
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
