import Foundation
import ModelManifests
import Presentation
import Testing

@testable import Commands

struct ValidationReportTests {
    private static let evil = "x\"\u{301}><\r\n\u{1B}[2J\u{0}\u{9B}\u{202E}]]>&'[here](https://evil)"

    private var report: ValidationReport {
        ValidationReport(
            files: ["a b/\(Self.evil).yaml"], deployments: [],
            diagnostics: [
                Diagnostic(
                    file: "a b/\(Self.evil).yaml", line: 1, column: 1, path: "spec", message: "is \(Self.evil)",
                    suggestion: Self.evil)
            ])
    }

    private func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains {
            $0.value < 0x20 && $0 != "\n" || (0x7F...0x9F).contains($0.value) || $0.value == 0x202E
        }
    }

    @Test("says that checks in a cluster run as Jobs, and in which image; nothing for local checks")
    func checks() throws {
        func text(_ more: String) -> String {
            let manifest = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: fraud, namespace: payments}
                spec:
                  model: {version: "1"}
                  \(more)
                  rollout:
                    steps: [{setWeight: 50}, {gate: {name: again, check: {command: [b], image: "eval:2"}}}, {setWeight: 100}]
                    gates: [{name: golden, check: {command: [a]}}]
                """
            let desired = DesiredState.resolve(files: [ManifestReader.read(manifest, file: "a.yaml")])
            return ValidationReport(
                files: ["a.yaml"], deployments: Array(desired.deployments.values), diagnostics: desired.diagnostics
            ).text
        }
        let cluster = text("target: {kind: kubernetes}\n  runtime: {image: \"server:1\"}")
        #expect(
            cluster.contains("    check golden runs as a Job in namespace payments, in the image server:1"),
            "\(cluster)")
        #expect(cluster.contains("    check again runs as a Job in namespace payments, in the image eval:2"))
        #expect(!text("runtime: {command: [serve]}").contains("Job"))
    }

    @Test("warns of what plan warns of: no gates, gates that only warn, and slices that no gate is judged on")
    func warnings() throws {
        func text(_ rollout: String) throws -> String {
            let manifest = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: fraud, namespace: payments}
                spec: {model: {version: "1"}, runtime: {command: [serve]}, rollout: {\(rollout)}}
                """
            let desired = DesiredState.resolve(files: [ManifestReader.read(manifest, file: "a.yaml")])
            let report = ValidationReport(
                files: ["a.yaml"], deployments: Array(desired.deployments.values), diagnostics: desired.diagnostics)
            let deployment = try #require(desired.deployments.values.first, "\(desired.diagnostics)")
            let plan = DeploymentPlan(deployment, against: .absent)
            let warned = report.text.split(separator: "\n").filter { $0.contains(": warning: ") }
            #expect(
                warned.map { $0.dropFirst("payments/fraud: warning: ".count) }.allSatisfy { warning in
                    plan.warnings.contains { $0 == warning }
                })
            return warned.joined(separator: "\n")
        }
        #expect(
            try text("gates: [], steps: [{setWeight: 50}, {setWeight: 100}]").contains(
                ": warning: there are no gates: "))
        #expect(
            try text("gates: [{name: c, check: {command: [a]}, warnOnly: true}]").contains("every gate is warnOnly"))
        #expect(
            try text("strategy: recreate, slices: [{name: a, header: x-a, top: 3}]")
                .contains("no gate is judged on rollout.slices: users' requests do not go to both revisions"))
        // With one replica the old revision makes room first.
        #expect(
            try text("capacity: drainThenLoad, slices: [{name: a, header: x-a, top: 3}]")
                .contains("no gate is judged on rollout.slices: users' requests do not go to both revisions"))
        #expect(try text("steps: [{setWeight: 50}, {setWeight: 100}]").isEmpty)
    }

    @Test("names no revision that is known only once the model's files are pinned")
    func revisions() throws {
        func report(_ model: String) throws -> ValidationReport {
            let manifest = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: fraud, namespace: payments}
                spec: {model: {version: "1"\(model)}, runtime: {command: [serve]}}
                """
            let desired = DesiredState.resolve(files: [ManifestReader.read(manifest, file: "a.yaml")])
            return ValidationReport(
                files: ["a.yaml"], deployments: Array(desired.deployments.values), diagnostics: desired.diagnostics)
        }
        let unpinned = try report(", storageUri: 'https://models/m'")
        #expect(unpinned.text.contains("revision unknown until its model files are pinned"))
        #expect(try !unpinned.json().contains("\"revision\""))
        let pinned = try report(
            ", storageUri: 'https://models/m', digest: 'sha256:\(String(repeating: "a", count: 64))'")
        for report in [pinned, try report("")] {
            let revision = try #require(report.deployments.first).template.revision.rawValue
            #expect(report.text.contains("revision \(revision)"))
            #expect(try report.json().contains(revision))
        }
    }

    @Test("every output format stays valid, whatever a manifest holds")
    func formats() throws {
        let (text, json, sarif, junit) = (report.text, try report.json(), try report.sarif(), report.junit)
        for format in [text, json, sarif, junit] { #expect(!hasControls(format)) }
        #expect(text.split(separator: "\n").count == 2)
        let cases = junit.split(separator: "\n")
        #expect(cases.count { $0.contains("<failure ") } == 1 && cases.count { $0.contains("<testcase ") } == 1)
        #expect(!junit.contains("]]>&'"))
        struct Document: Decodable {
            struct Problem: Decodable { var message: String }
            var errors: [Problem]
        }
        #expect(
            try JSONDecoder().decode(Document.self, from: Data(json.utf8)).errors.first?.message == "is \(Self.evil)")
        let uri = try #require(sarif.firstMatch(of: #/"uri" : "([^"]*)"/#)?.output.1)
        #expect(uri.hasPrefix("a%20b/x%22%CC%81") && URL(string: String(uri)) != nil)
        #expect(!sarif.contains("[here](https"))
    }
}
