import TestSupport
import Testing

@testable import ModelManifests

/// Which side refuses a valid manifest after one change. The API server's part runs against a simulated one here, and
/// against a real one in `HouseTests/CustomResourceTests`.
@Suite struct ServerDifferenceTests {
    private func diagnostics(_ text: String) -> [Diagnostic] {
        DesiredState.resolve(files: [ManifestReader.read(text, file: "f")]).diagnostics
    }

    @Test func `the manifest before the change is valid`() {
        #expect(diagnostics(ManifestMutation.good) == [])
        #expect(ManifestMutation.all.count >= 43)
    }

    @Test(arguments: ManifestMutation.all)
    func `mlctl refuses the changed manifests, and names a place`(_ mutation: ManifestMutation) {
        #expect(mutation.text != ManifestMutation.good, "nothing was changed")
        let found = diagnostics(mutation.text)
        #expect(found.isEmpty != mutation.isRefusedByMlctl, "\(found.map(\.description))")
        for diagnostic in found {
            #expect(diagnostic.line > 0)
            #expect(!diagnostic.path.isEmpty)
        }
    }

    @Test func `every kind of difference has an example, except for those that need other files`() {
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
