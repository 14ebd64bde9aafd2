import Foundation
import TestSupport
import Testing
import Yams

/// Checks of the chart without helm, and with helm if it is installed.
@Suite("The chart")
struct ChartTests {
    private static let chart = "charts/mlctl"
    static let templates = (try? RepositoryFiles.files(in: "\(chart)/templates")) ?? []

    private func mapping(_ path: String) throws -> [String: Any] {
        try #require(try Yams.load(yaml: RepositoryFiles.text(path)) as? [String: Any], "\(path) is not a mapping")
    }

    @Test(
        "its copies equal their originals",
        arguments: [
            ("crds/modeldeployments.mlctl.dev.yaml", "controller/crds/modeldeployments.mlctl.dev.yaml"),
            ("files/alerts.yaml", "controller/alerts.yaml"), ("files/mlctl.json", "controller/grafana/mlctl.json"),
        ])
    func copies(copy: String, original: String) throws {
        let isEqual = try RepositoryFiles.text("\(Self.chart)/\(copy)") == RepositoryFiles.text(original)
        #expect(isEqual, "cp \(original) \(Self.chart)/\(copy)")
    }

    @Test("its CRD equals the controller's")
    func definition() throws {
        let definition = try mapping("\(Self.chart)/crds/modeldeployments.mlctl.dev.yaml")
        #expect(definition["kind"] as? String == "CustomResourceDefinition")
        #expect(try mapping("\(Self.chart)/Chart.yaml")["name"] as? String == "mlctl")
    }

    /// The fields of the schema and of the values, by their paths.
    @Test("its schema has every value, and every value is in its schema")
    func schema() throws {
        let data = Data(try RepositoryFiles.text("\(Self.chart)/values.schema.json").utf8)
        let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        var declared: Set<String> = []
        func declare(_ schema: [String: Any], _ path: String) {
            for case (let name, let field as [String: Any]) in schema["properties"] as? [String: Any] ?? [:] {
                let path = path.isEmpty ? name : "\(path).\(name)"
                if field["properties"] == nil { declared.insert(path) } else { declare(field, path) }
            }
        }
        declare(schema, "")
        // Values that helm gives to all charts of a release.
        declared.remove("global")
        var given: Set<String> = []
        func give(_ values: [String: Any], _ path: String) {
            for (name, value) in values {
                let path = path.isEmpty ? name : "\(path).\(name)"
                guard !declared.contains(path), let inner = value as? [String: Any] else {
                    given.insert(path)
                    continue
                }
                give(inner, path)
            }
        }
        give(try mapping("\(Self.chart)/values.yaml"), "")
        #expect(given == declared, "\(given.symmetricDifference(declared).sorted())")
    }

    @Test("its templates use only values that exist, and call only templates that exist", arguments: templates)
    func references(template: String) throws {
        let text = try RepositoryFiles.text(template)
        let helpers = try RepositoryFiles.text("\(Self.chart)/templates/_helpers.tpl")
        let values = try mapping("\(Self.chart)/values.yaml")
        for match in text.matches(of: #/\.Values((?:\.[A-Za-z]+)+)/#) {
            let path = match.1.split(separator: ".").map(String.init)
            var value: Any? = values
            for name in path { value = (value as? [String: Any])?[name] }
            #expect(value != nil, "\(template) asks for \(path.joined(separator: ".")), which values.yaml has not")
        }
        for match in text.matches(of: #/include "([^"]+)"/#) {
            #expect(helpers.contains("define \"\(match.1)\""), "\(template) includes \(match.1)")
        }
    }

    @Test("its templates close every block", arguments: templates)
    func balance(template: String) throws {
        let actions = try RepositoryFiles.text(template).matches(of: #/\{\{-?\s*(\w+)?.*?\}\}/#).map {
            String($0.1 ?? "")
        }
        var depth = 0
        for action in actions {
            if ["if", "range", "with", "define"].contains(action) { depth += 1 }
            if action == "end" { depth -= 1 }
            #expect(depth >= 0, "\(template): an end too many")
        }
        #expect(depth == 0, "\(template): \(depth) ends are missing")
    }

    /// Lines with only template marks are left out; a mark within a line counts as a word.
    @Test("outside of marks, its templates are YAML", arguments: templates.filter { $0.hasSuffix(".yaml") })
    func yaml(template: String) throws {
        let lines = try RepositoryFiles.text(template).split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { $0.wholeMatch(of: #/\s*\{\{.*\}\}\s*/#) == nil }
            .map { $0.replacing(#/\{\{.*?\}\}/#, with: "word") }
        let documents = try Array(Yams.load_all(yaml: kept.joined(separator: "\n"))).compactMap { $0 as? [String: Any] }
        let separators = kept.filter { $0 == "---" }
        #expect(documents.count == separators.count + 1, "\(template): not all of it can be read")
        for document in documents {
            #expect(document["kind"] is String, "\(template)")
            #expect(document["apiVersion"] is String, "\(template)")
        }
    }

    @Test("its pod meets the restricted standard")
    func security() throws {
        let text = try RepositoryFiles.text("\(Self.chart)/templates/deployment.yaml")
        for line in [
            "runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "drop: [ALL]",
            "type: RuntimeDefault",
        ] { #expect(text.contains(line), "\(line)") }
    }

    @Test("its rules grant no more than needed: secrets by name, no wildcard, a ClusterRole only on request")
    func rights() throws {
        let text =
            try RepositoryFiles.text("\(Self.chart)/templates/_helpers.tpl")
            + RepositoryFiles.text("\(Self.chart)/templates/rbac.yaml")
        let secrets = text.components(separatedBy: "- apiGroups").filter { $0.contains("resources: [secrets]") }
        #expect(secrets.count == text.components(separatedBy: "secrets]").count - 1)
        for rule in secrets {
            #expect(rule.contains("resourceNames: ["), "\(rule)")
        }
        let values = try mapping("\(Self.chart)/values.yaml")
        #expect(values["allNamespaces"] as? Bool == false)
        #expect(!text.contains("\"*\""))
        #expect(!text.contains("'*'"))
    }

    @Test("helm lint and helm template succeed", .enabled(if: RepositoryFiles.isInstalled("helm")))
    func helm() throws {
        let folder = RepositoryFiles.url(Self.chart).path(percentEncoded: false)
        let url = "git.url=https://git.example.com/models.git"
        try ChildProcess.run(["helm", "lint", "--strict", folder, "--set", url])
        let everything = [
            "replicas=3", "rbac.gatewayAPI=true", "allNamespaces=true", "serviceMonitor.enabled=true",
            "prometheusRule.enabled=true", "dashboard.enabled=true", "git.ssh.existingSecret=key",
            "git.https.existingSecret=token", "registry.dockerconfigjson=e",
            "networkPolicy.proxies.controlFrom[0].namespace=monitoring",
        ]
        let rendered = try ChildProcess.run(
            ["helm", "template", "mlctl", folder, "--set", url] + everything.flatMap { ["--set", $0] })
        let documents = try Array(Yams.load_all(yaml: rendered)).compactMap { $0 as? [String: Any] }
        let kinds = Set(documents.compactMap { $0["kind"] as? String })
        #expect(
            kinds.isSuperset(of: [
                "Deployment", "ServiceAccount", "ClusterRole", "Role", "RoleBinding", "Lease", "Service", "Secret",
                "ConfigMap", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule",
            ]), "\(kinds.sorted())")
        #expect(throws: ChildProcess.Failure.self) { try ChildProcess.run(["helm", "template", "mlctl", folder]) }
    }
}
