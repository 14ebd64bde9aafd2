import Foundation
import Testing

@testable import Commands

@Suite("The schema command")
struct SchemaCommandTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test(
        "the installed files equal its output",
        arguments: ["controller/crds", "charts/mlctl/crds"])
    func installedFiles(folder: String) throws {
        let file = Self.root.appending(path: "\(folder)/modeldeployments.mlctl.dev.yaml")
        let installed = try String(contentsOf: file, encoding: .utf8)
        let printed = try SchemaCommand.customResourceDefinition()
        // A failure message of ten thousand lines helps nobody.
        let isEqual = installed == printed
        #expect(isEqual, "write \(folder) anew: mlctl schema --crd > \(folder)/modeldeployments.mlctl.dev.yaml")
    }
}
