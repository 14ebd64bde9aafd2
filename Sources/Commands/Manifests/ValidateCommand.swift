import ArgumentParser
import Foundation
import ModelManifests

/// `mlctl validate PATH…`: for CI and editors.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check manifests: every error at once, with its place and what would be right.",
        discussion: """
            A folder is searched for *.yaml and *.yml; references are resolved between all the files given. Exits 2 if \
            anything is wrong.

            Examples:
              mlctl validate manifests/
              mlctl validate model.yaml runtime.yaml -o json
              mlctl validate deploy -o sarif > mlctl.sarif        for code scanning
              mlctl validate deploy -o junit > mlctl.xml          for test reports
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json, sarif, junit }

    @Argument(help: "Files and folders.") var paths: [String]
    @Option(name: .shortAndLong, help: "text, json, sarif or junit.") var output: Output = .text

    func run() throws {
        let files = try ManifestFiles.read(paths)
        let desired = DesiredState.resolve(files: files.map(\.parsed))
        let report = ValidationReport(
            files: files.map(\.path), deployments: desired.deployments.values.map(\.self),
            diagnostics: desired.diagnostics.sorted())
        switch output {
        case .text: print(report.text)
        case .json: print(try report.json())
        case .sarif: print(try report.sarif())
        case .junit: print(report.junit)
        }
        if !report.diagnostics.isEmpty { throw ExitCode(2) }
    }
}
