import Foundation
import KubernetesClient
import Logging
import TestSupport
import Testing
import Yams

@testable import KubernetesServing

/// Enforces the chart's Roles as an API server does: everything else is refused, also by name.
@Suite("A controller with the chart's rights", .timeLimit(.minutes(10)))
struct ChartRightsTests {
    private static let ownNamespace = "mlctl"

    /// The rules in one of the chart's templates. Lines with only template marks are dropped; other marks become the controller's
    /// name.
    private static func rules(_ template: String, after start: String, namespace: String?) throws -> [Refusals.Right] {
        let chart = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../charts/mlctl/templates")
        let text = try String(contentsOf: chart.appending(path: template), encoding: .utf8)
        let body = try #require(text.components(separatedBy: start).dropFirst().first)
        var lines: [Substring] = []
        for line in body.split(separator: "\n") {
            if line.hasPrefix("---") || line.hasPrefix("{{- end }}") && !lines.isEmpty { break }
            if line.hasPrefix("{{") || line.hasPrefix("rules:") { continue }
            lines.append(line)
        }
        let marks = #/\{\{.*?\}\}/#
        let yaml = lines.joined(separator: "\n").replacing(marks, with: "mlctl")
        let rules = try #require(try Yams.load(yaml: yaml) as? [[String: Any]])
        return rules.map { rule in
            func words(_ name: String) -> Set<String> { Set(rule[name] as? [String] ?? []) }
            return Refusals.Right(
                namespace: namespace, groups: words("apiGroups"), resources: words("resources"),
                names: rule["resourceNames"] == nil ? nil : words("resourceNames"), verbs: words("verbs"))
        }
    }

    private static func rights(watching namespace: String?) throws -> [Refusals.Right] {
        try rules("_helpers.tpl", after: "{{- define \"mlctl.rules\" -}}\n", namespace: namespace)
            + rules("_helpers.tpl", after: "{{- define \"mlctl.ownRules\" -}}\n", namespace: ownNamespace)
    }

    private static func recordKey(_ api: KubernetesAPI) -> RecordKey {
        RecordKey(
            api, in: ownNamespace, controller: "mlctl", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test(
        "rolls out, corrects, deletes and uninstalls without any refusal: in one namespace, and in all",
        arguments: ["test", nil])
    func suffices(namespace: String?) async throws {
        let rights = try Self.rights(watching: namespace)
        let cluster = try await FaultyCluster("1", namespace: namespace, recordKey: Self.recordKey)
        await cluster.transport.update { $0.refusals.rights = rights }
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2")
            try await cluster.waitUntilServing("2")
        }
        #expect(await cluster.transport.forbidden == [])
        let uninstall = ClusterUninstall(
            KubernetesAPI(transport: cluster.transport), .init(namespace: namespace), say: { _ in })
        #expect(try await uninstall.steps().isEmpty == false)
        // It may not look for controllers outside the chart's namespace. That alone is refused, and is not needed.
        for type: ResourceType in [.secrets, .roles, .roleBindings, .serviceAccounts, .networkPolicies] {
            let words = "cannot list resource \\\"\(type.plural)"
            let refused = await cluster.transport.forbidden.filter { $0.contains(words) }
            #expect(refused == [])
        }
    }

    @Test("can neither change nor read a Secret, Role, RoleBinding, ServiceAccount or NetworkPolicy of others")
    func narrow() throws {
        for namespace in ["test", nil] {
            for right in try Self.rights(watching: namespace) {
                let guarded: Set = ["secrets", "roles", "rolebindings", "serviceaccounts", "networkpolicies"]
                guard !right.resources.isDisjoint(with: guarded) else { continue }
                #expect(right.names?.allSatisfy { $0.hasPrefix("mlctl") } == true, "\(right)")
                #expect(right.names?.isEmpty == false, "\(right)")
            }
        }
    }

    @Test(
        "that is limited to one namespace is refused everything in another",
        arguments: ["pods", "configmaps", "deployments"])
    func outside(plural: String) async throws {
        let rights = try Self.rights(watching: "test")
        let transport = ModelTransport(APIServerModel(namespaces: ["test", "other"], now: Date())) { Date() }
        await transport.update { $0.refusals.rights = rights }
        let api = KubernetesAPI(transport: transport)
        let type: ResourceType = plural == "pods" ? .pods : plural == "configmaps" ? .configMaps : .deployments
        _ = try await api.answer(to: .list(type, .init(namespace: "test")))
        for selection in [APIRequest.Selection(namespace: "other"), .init()] {
            await #expect(throws: APIError.self) { _ = try await api.answer(to: .list(type, selection)) }
        }
    }
}
