import Foundation
import ModelManifests
import Presentation
import Rollouts
import SafeText

/// The result of `mlctl validate`, as text, JSON, SARIF or JUnit.
struct ValidationReport {
    var files: [String]
    var deployments: [ModelDeployment]
    var diagnostics: [Diagnostic]
    /// What could not be read, and is no error because it may be somebody else's.
    var passedOver: [Diagnostic] = []

    /// How many of these the text names.
    private static let passedOverShown = 3

    private var passedOverLines: [String] {
        guard !passedOver.isEmpty else { return [] }
        let shown = passedOver.sorted().prefix(Self.passedOverShown).map { "\($0.file) \($0.message)" }
        let more = passedOver.count > shown.count ? "; and \(passedOver.count - shown.count) more" : ""
        return [Escape.line("passed over, because it may be somebody else's: \(shown.joined(separator: "; "))\(more)")]
    }

    var text: String {
        guard !diagnostics.isEmpty else {
            let names = deployments.sorted { $0.key < $1.key }.flatMap { deployment in
                [
                    "  \(deployment.key)  revision \(Self.revision(of: deployment) ?? "unknown until its model files are pinned")"
                ]
                    + deployment.clusterChecks.map { Escape.line("    \($0)") }
            }
            return
                (warnings.map { Escape.line("\($0.deployment): warning: \($0.message)") } + passedOverLines + [
                    "\(count(files.count, "file")), \(count(deployments.count, "deployment")): all valid"
                ] + names)
                .joined(separator: "\n")
        }
        let wrong = Set(diagnostics.map(\.file)).count
        return
            (diagnostics.map { Escape.line($0.description) } + passedOverLines
            + ["\(count(diagnostics.count, "error")) in \(wrong) of \(count(files.count, "file"))"]).joined(
                separator: "\n")
    }

    struct Warning: Encodable {
        var deployment: String
        var message: String
    }

    /// Valid settings that may cause problems later.
    private var warnings: [Warning] {
        deployments.sorted { $0.key < $1.key }.flatMap { deployment in
            deployment.warnings.map {
                Warning(deployment: "\(deployment.key)", message: $0)
            }
        }
    }

    /// Nil where the files are pinned when the commit is read: their digest becomes part of the revision.
    private static func revision(of deployment: ModelDeployment) -> String? {
        let model = deployment.template.model
        let isPinnedLater = deployment.target == .local && model.storageURI != nil && model.digest == nil
        return isPinnedLater ? nil : deployment.template.revision.rawValue
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    func json() throws -> String {
        struct Document: Encodable {
            struct Deployment: Encodable {
                var namespace: String
                var name: String
                var version: String
                /// Left out while it is not known: the digest of the model's files becomes part of it.
                var revision: String?
            }
            var valid: Bool
            var files: Int
            var deployments: [Deployment]
            var errors: [Diagnostic]
            var warnings: [Warning]
            var passedOver: [Diagnostic]
        }
        return try encode(
            Document(
                valid: diagnostics.isEmpty, files: files.count,
                deployments: deployments.sorted { $0.key < $1.key }.map {
                    .init(
                        namespace: $0.key.namespace, name: $0.key.name, version: $0.template.model.version,
                        revision: Self.revision(of: $0))
                },
                errors: diagnostics, warnings: warnings, passedOver: passedOver.sorted()))
    }

    /// SARIF 2.1.0.
    func sarif() throws -> String {
        struct Log: Encodable {
            struct Run: Encodable {
                var tool = ["driver": ["name": "mlctl", "version": Version.text]]
                var results: [Result]
            }
            struct Result: Encodable {
                var ruleId = "invalid-manifest"
                var level = "error"
                var message: [String: String]
                var locations: [Location]
            }
            struct Location: Encodable {
                struct Physical: Encodable {
                    var artifactLocation: [String: String]
                    var region: [String: Int]
                }
                var physicalLocation: Physical
            }
            var schema = "https://json.schemastore.org/sarif-2.1.0.json"
            var version = "2.1.0"
            var runs: [Run]
            enum CodingKeys: String, CodingKey {
                case schema = "$schema"
                case version, runs
            }
        }
        let results = diagnostics.map { diagnostic in
            Log.Result(
                message: ["text": Escape.sarifMessage(diagnostic.messageWithPath)],
                locations: [
                    .init(
                        physicalLocation: .init(
                            artifactLocation: ["uri": Escape.uriPath(diagnostic.file)],
                            region: [
                                "startLine": max(diagnostic.line, 1), "startColumn": max(diagnostic.column, 1),
                            ]))
                ])
        }
        return try encode(Log(runs: [.init(results: results)]))
    }

    var junit: String {
        let cases = files.map { file in
            let failures = diagnostics.filter { $0.file == file }.map {
                "    <failure message=\"\(Escape.xml($0.messageWithPath))\">\(Escape.xml($0.description))</failure>\n"
            }
            return failures.isEmpty
                ? "  <testcase classname=\"mlctl.validate\" name=\"\(Escape.xml(file))\"/>\n"
                : "  <testcase classname=\"mlctl.validate\" name=\"\(Escape.xml(file))\">\n\(failures.joined())  </testcase>\n"
        }
        let wrong = Set(diagnostics.map(\.file)).count
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuite name="mlctl validate" tests="\(files.count)" failures="\(wrong)">
            \(cases.joined())</testsuite>
            """
    }

    private func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Escape.jsonDocument(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension Diagnostic {
    var messageWithPath: String {
        let advice = suggestion.map { " (\($0))" } ?? ""
        return path.isEmpty ? message + advice : "\(path): \(message)\(advice)"
    }
}
