import ArgumentParser
import Foundation
import JSON
import ModelManifests
import Presentation

/// `mlctl schema`: prints schemas for editors and for clusters.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the manifests, for completion and checks in editors.",
        discussion: """
            Examples:
              mlctl schema > mlctl.schema.json
            and, for editors with a YAML language server, in the first line of a manifest:
              # yaml-language-server: $schema=./mlctl.schema.json
              mlctl schema --crd | kubectl apply --server-side --force-conflicts -f -
            installs the definition of ModelDeployments in a cluster
            """)

    @Flag(help: "Print the CustomResourceDefinition of ModelDeployments instead, as YAML.") var crd = false

    func run() throws {
        print(crd ? try Self.customResourceDefinition() : JSONSchema.document(), terminator: crd ? "" : "\n")
    }

    /// The output of `--crd`.
    static func customResourceDefinition() throws -> String {
        let json = Data(CanonicalJSON.text(CustomResourceDefinition.modelDeployment).utf8)
        return "# Written by `mlctl schema --crd`.\n" + (try YAMLText.render(json: json))
    }
}
