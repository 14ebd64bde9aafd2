import ModelManifests
import SafeText
import Testing

@testable import KubernetesServing

@Suite("Names and labels of objects")
struct ObjectNamesTests {
    @Test("a name that fits is kept; a longer one is cut, and made unique by a hash")
    func shortened() {
        let revision = Revision(rawValue: "0123456789")
        #expect(ObjectNames.revision(DeploymentKey(name: "fraud"), revision) == "fraud-0123456789")
        let long = String(repeating: "a", count: 62)
        let name = ObjectNames.revision(DeploymentKey(name: long + "x"), revision)
        let other = ObjectNames.revision(DeploymentKey(name: long + "y"), revision)
        #expect(name.utf8.count == 63)
        #expect(name.hasSuffix("-0123456789"))
        #expect(name != other)
        #expect(ObjectNames.shortened(String(repeating: "b", count: 63)) == String(repeating: "b", count: 63))
    }

    @Test(
        "a version becomes a label's value",
        arguments: [
            ("2026-11-20", "2026-11-20"), ("v1.2+build/7", "v1.2_build_7"), ("-x-", "x"), ("é", ""), ("1 2", "1_2"),
        ])
    func labelValue(text: String, value: String) { #expect(Escape.labelValue(text) == value) }
}
