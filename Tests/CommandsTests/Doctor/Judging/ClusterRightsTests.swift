import Foundation
import Testing
import Yams

@testable import Commands

@Suite("The doctor's findings on cluster permissions") struct ClusterRightsTests {
    private func found(_ granted: Set<ClusterRights.Right>) -> [Finding] {
        ClusterRights.findings(cluster: "prod", granted: granted, scope: "in all namespaces")
    }

    private let needed = Set(ClusterRights.needed)

    @Test("exactly the needed permissions are well; a missing one is a problem that names it")
    func enough() {
        #expect(found(needed).map(\.severity) == [.ok])
        let short = found(needed.subtracting([ClusterRights.Right("get", "pods/log")]))
        #expect(short.map(\.severity) == [.problem] && short[0].message.contains("get pods/log"))
    }

    @Test("access to all secrets and administrator permissions are problems; pod exec is a warning")
    func tooMuch() {
        let secrets = found(needed.union([ClusterRights.Right("list", "secrets")]))
        #expect(secrets.map(\.severity) == [.problem] && secrets[0].message.contains("list secrets"))
        let shell = found(needed.union([ClusterRights.Right("create", "pods/exec")]))
        #expect(shell.map(\.severity) == [.warning] && shell[0].message.contains("create pods/exec"))
        let all = found(needed.union(ClusterRights.grave).union(ClusterRights.excessive))
        #expect(all.map(\.severity) == [.problem] && all[0].message.contains("everything"))
    }

    @Test("the needed permissions equal the chart's role")
    func chart() throws {
        struct Rule: Decodable {
            var apiGroups: [String]
            var resources: [String]
            var resourceNames: [String]?
            var verbs: [String]
        }
        let root = URL(filePath: #filePath).pathComponents.prefix { $0 != "Tests" }.joined(separator: "/")
        let text = try String(contentsOfFile: "\(root)/charts/mlctl/templates/_helpers.tpl", encoding: .utf8)
        let rules = try #require(text.firstRange(of: "define \"mlctl.rules\""))
        let end = text.firstRange(of: "define \"mlctl.ownRules\"")?.lowerBound ?? text.endIndex
        let lines = text[rules.upperBound..<end].split(separator: "\n").dropFirst()
        var isOptional = false
        let kept = lines.filter { line in
            if line.contains("{{- if") { isOptional = true }
            defer { if line.contains("{{- end") { isOptional = false } }
            return !isOptional && !line.contains("{{") && !line.hasPrefix("#")
        }
        let given = try YAMLDecoder().decode([Rule].self, from: kept.joined(separator: "\n"))
            .flatMap { rule in
                rule.apiGroups.flatMap { group in
                    rule.resources.flatMap { resource in
                        (rule.resourceNames.map { $0.map(Optional.init) } ?? [nil]).flatMap { name in
                            rule.verbs.map { ClusterRights.Right($0, resource, group: group, name: name) }
                        }
                    }
                }
            }
        #expect(given.count > 50)
        // The chart's optional rules, such as those for other routers, are not compared.
        #expect(Set(given).subtracting(needed).map(\.description).sorted() == [])
        #expect(needed.subtracting(given).map(\.description).sorted() == [])
    }
}
