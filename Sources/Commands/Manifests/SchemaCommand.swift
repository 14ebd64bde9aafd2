import ArgumentParser
import Foundation
import ModelManifests

/// `mlctl schema`: for editors.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of the manifests, for editors to complete and check.",
        discussion: """
            Example:
              mlctl schema > mlctl.schema.json
            and in a manifest's first line, for editors with a YAML language server:
              # yaml-language-server: $schema=./mlctl.schema.json
            """)

    func run() throws { print(JSONSchema.document()) }
}
