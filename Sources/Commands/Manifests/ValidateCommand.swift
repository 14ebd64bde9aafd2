import ArgumentParser
import Foundation
import KubernetesClient
import ModelManifests
import SafeText

/// `mlctl validate PATH…`: checks manifests, for CI and editors.
struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check manifests and report all errors, each with its place and a suggestion.",
        discussion: """
            Folders are searched for *.yaml and *.yml, except for what .mlctlignore files name (in the syntax of gitignore). \
            References are resolved between all given files. With --server, \
            a cluster's API server also checks them in a dry run, which changes nothing: it has its own rules, policies, \
            webhooks and quotas.

            Exits 2 if a manifest is invalid, 5 if the API server cannot be reached, 4 if it takes too long.

            Examples:
              mlctl validate manifests/
              mlctl validate model.yaml runtime.yaml -o json
              mlctl validate deploy -o sarif > mlctl.sarif        for code scanning
              mlctl validate deploy -o junit > mlctl.xml          for test reports
              mlctl validate deploy --server --context staging
              mlctl validate deploy --project risk --config mlctl.yaml    check the policy of a project
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json, sarif, junit }

    @Argument(help: "Files and folders.") var paths: [String]
    @Option(name: .shortAndLong, help: "The output format: text, json, sarif or junit.") var output: Output = .text
    @Flag(help: "Also check with a cluster's API server. Nothing is changed there.") var server = false
    @Option(help: "With --server: a context of the kubeconfig. Default: the current one.") var context: String?
    @Option(help: "With --server: the kubeconfig. Default: $KUBECONFIG, otherwise ~/.kube/config.") var kubeconfig:
        String?

    @OptionGroup var project: ProjectOption

    func validate() throws {
        guard server || (context == nil && kubeconfig == nil) else {
            throw ValidationError("--context and --kubeconfig can only be used with --server")
        }
    }

    func run() async throws {
        let files = try ManifestFiles.read(paths)
        let desired = try project.desired(files.map(\.parsed))
        if let warning = try project.warning(desired, paths: paths) { Console.standard.note("warning: \(warning)") }
        var diagnostics = desired.diagnostics
        if server { diagnostics += try await refusedByServer(desired, files) }
        let report = ValidationReport(
            files: files.map(\.path), deployments: desired.deployments.values.map(\.self),
            diagnostics: diagnostics.sorted(), passedOver: files.compactMap(\.parsed.passedOver))
        switch output {
        case .text: print(Escape.lines(report.text))
        case .json: print(try report.json())
        case .sarif: print(try report.sarif())
        case .junit: print(report.junit)
        }
        if !report.diagnostics.isEmpty { throw ExitCode(2) }
    }

    /// The API server's refusals of those deployments that mlctl accepts.
    private func refusedByServer(
        _ desired: DesiredState, _ files: [ManifestFiles.Entry]
    ) async throws -> [Diagnostic] {
        let validation: ServerValidation
        do {
            let cluster = ClusterSettings(
                name: context ?? "of the kubeconfig", kubeconfig: kubeconfig, context: context)
            validation = ServerValidation(api: try cluster.api())
        } catch let error as APIError {
            throw CommandFailure(.unreachable, error.message)
        }
        let paths = Dictionary(files.flatMap { file in file.parsed.keys.map { ($0, file.path) } }) { first, _ in first }
        return try await validation.diagnostics(of: Array(desired.deployments.values)) { key, field in
            guard let path = paths[key] else { return ("", nil) }
            let bytes = FileManager.default.contents(atPath: path).map { Array($0) } ?? []
            return (path, ManifestPlace.find(field, of: key, in: bytes))
        }
    }
}
