import TestSupport
import Testing

@testable import ModelManifests

/// A good manifest, changed in one place: who refuses it. The API server's half runs against a real one
/// (`HouseTests/CustomResourceTests`), and against the model of one here.
@Suite struct ServerDifferenceTests {
    private func diagnostics(_ text: String) -> [Diagnostic] {
        DesiredState.resolve(files: [ManifestReader.read(text, file: "f")]).diagnostics
    }

    @Test func `the manifest that is changed is good`() {
        #expect(diagnostics(ManifestMutation.good) == [])
        #expect(ManifestMutation.all.count >= 43)
    }

    @Test(arguments: ManifestMutation.all)
    func `mlctl refuses what it should, and names a place`(_ mutation: ManifestMutation) {
        #expect(mutation.text != ManifestMutation.good, "nothing was changed")
        let found = diagnostics(mutation.text)
        #expect(found.isEmpty != mutation.isRefusedByMlctl, "\(found.map(\.description))")
        for diagnostic in found {
            #expect(diagnostic.line > 0)
            #expect(!diagnostic.path.isEmpty)
        }
    }

    @Test func `every kind of difference has an example, but for what takes other files`() {
        let seen = ManifestMutation.all.compactMap { mutation -> ServerDifference? in
            switch mutation.verdict {
            case .refusedByMlctlOnly(let difference), .refusedByServerOnly(let difference): difference
            case .refusedByBoth, .takenByBoth: nil
            }
        }
        let without: Set<ServerDifference> = [.serverOwnRules, .otherDeployments]
        #expect(Set(seen).union(without) == Set(ServerDifference.allCases))
    }
}
