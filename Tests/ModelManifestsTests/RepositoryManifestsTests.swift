import Foundation
import Testing

@testable import ModelManifests

/// The manifests in this repository.
@Suite struct RepositoryManifestsTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "manifests")

    private static func parsed() throws -> [ParsedFile] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try paths.filter { $0.hasSuffix(".yaml") }.sorted().map { path in
            let bytes = try Data(contentsOf: folder.appending(path: path))
            return ManifestReader.read(bytes: Array(bytes), file: path)
        }
    }

    @Test func `every manifest is valid`() throws {
        let files = try Self.parsed()
        #expect(!files.isEmpty)
        for file in files { #expect(file.diagnostics == [], "\(file.diagnostics.map(\.description))") }
    }

    @Test func `each router has an example, and the examples fit together`() throws {
        let examples = DesiredState.resolve(files: try Self.parsed().filter { $0.file.hasPrefix("examples/") })
        #expect(examples.diagnostics == [], "\(examples.diagnostics.map(\.description))")
        let routers = examples.deployments.values.compactMap { deployment -> KubernetesTarget.Router? in
            guard case .kubernetes(let target) = deployment.target else { return nil }
            return target.router
        }
        #expect(Set(routers) == Set(KubernetesTarget.Router.allCases))
    }

    @Test func `the runtimes are the presets`() throws {
        let runtimes = try Self.parsed().filter { $0.file.hasPrefix("runtimes/") }.flatMap(\.runtimes)
        #expect(!runtimes.isEmpty)
        for runtime in runtimes {
            let preset = try #require(RuntimePresets.all[runtime.key.name])
            #expect(RuntimeFields.servingRuntime.canonical(preset.node) == runtime.canonical, "\(runtime.key.name)")
        }
    }
}
