import ControlPorts
import Foundation
import ModelManifests
import Testing

@testable import Presentation

@Suite("A plan as a comment on a pull request")
struct PlanMarkdownTests {
    private func deployment(_ version: String, name: String = "model") throws -> ModelDeployment {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: \(name), namespace: test}
            spec:
              model: {version: "\(version)"}
              runtime: {command: [serve]}
            """
        let desired = DesiredState.resolve(files: [ManifestReader.read(text, file: "a.yaml")])
        return try #require(desired.deployments.values.first)
    }

    @Test("risks come first, each deployment is a line, and details can be opened")
    func table() throws {
        let one = try deployment("1")
        let other = try deployment("1", name: "other")
        let plans = [
            DeploymentPlan(try deployment("2"), against: .assumed(one), before: one),
            DeploymentPlan(other.key, .removed, from: .assumed(other), before: other),
        ]
        let text = PlanMarkdown(plans: plans, base: "commit abc", notes: ["what | is"]).text
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0] == PlanMarkdown.marker && lines[1] == "### mlctl plan: 1 to be stopped, 1 to roll out")
        let rows = lines.filter { $0.hasPrefix("| ") && $0.contains("`test/") }
        #expect(
            rows.count == 2 && rows[0].hasPrefix("| ⚠️ | `test/other` |") && rows[1].hasPrefix("| 🔄 | `test/model` |"))
        // Of a removal the table says all.
        #expect(lines.count { $0.hasPrefix("<details>") } == 1 && lines.count { $0 == "</details>" } == 1)
        #expect(lines.contains("- **steps**") && lines.contains { $0.hasPrefix("  - 1. set weight") })
        #expect(lines.contains("Compared with commit abc. Not known: what \\| is."))
    }

    @Test("nothing to do is one sentence")
    func nothing() throws {
        let one = try deployment("1")
        let text = PlanMarkdown(
            plans: [DeploymentPlan(one, against: .assumed(one), before: one)], base: nil, notes: []
        ).text
        #expect(
            text
                == "\(PlanMarkdown.marker)\n### mlctl plan: nothing happens: it serves already\n\nEverything that these files ask "
                + "for serves already.\n")
    }

    @Test("text of a manifest cannot mention anybody, link, or leave its cell")
    func escaping() throws {
        let nasty = "1 | @octocat [x](https://evil.example) <img src=x> `code` *b*"
        let text = PlanMarkdown(
            plans: [DeploymentPlan(try deployment(nasty), against: .absent)], base: nil, notes: []
        ).text
        // By scalars: Foundation overlooks the word joiner.
        for danger in ["@octocat", "[x](", "<img", "`code`", " *b*"] {
            #expect(Array(text.unicodeScalars).firstRange(of: Array(danger.unicodeScalars)) == nil, "\(danger)")
        }
        let row = try #require(text.split(separator: "\n").first { $0.contains("`test/model`") })
        #expect(row.replacing("\\|", with: "").count { $0 == "|" } == 5)
    }

    @Test("a large plan stays below the limit of a comment, and says that it was cut")
    func limit() throws {
        let plans = try (0..<400).map { index in
            DeploymentPlan(try deployment("\(index)", name: "model-\(index)"), against: .absent)
        }
        let text = PlanMarkdown(plans: plans, base: nil, notes: []).text
        #expect(text.count <= PlanMarkdown.charactersMax + 100)
        #expect(text.hasSuffix("The rest is left out: `mlctl plan` shows all of it.\n"))
        #expect(text.ranges(of: "<details>").count == text.ranges(of: "</details>").count)
    }

    @Test("JSON has these fields, for other programs")
    func json() throws {
        let one = try deployment("1")
        let removed = DeploymentPlan(one.key, .removed, from: .assumed(one), before: one)
        let rolled = DeploymentPlan(try deployment("2"), against: .assumed(one), before: one)
        func fields(_ plan: DeploymentPlan) throws -> Set<String> {
            let object = try JSONSerialization.jsonObject(with: APICoding.encode(plan, pretty: false))
            return Set(try #require(object as? [String: Any]).keys)
        }
        let always: Set = [
            "deployment", "version", "revision", "isRevisionFinal", "change", "text", "runningVersion",
            "runningRevision",
            "settingChanges", "settings", "capacity", "warnings", "users", "risks",
        ]
        #expect(try fields(removed) == always)
        #expect(try fields(rolled) == always.union(["promise"]))
        #expect(
            Set(DeploymentPlan.Change.ordered.map(\.rawValue)) == [
                "new", "revision", "settings", "unchanged", "quarantined", "removed", "kept", "unknown",
            ])
    }
}
