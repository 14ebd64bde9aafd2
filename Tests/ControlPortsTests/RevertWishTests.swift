import Foundation
import ModelManifests
import Testing

@testable import ControlPorts

@Suite("A revert's message")
struct RevertWishTests {
    @Test(
        "has the reason, and no path of the controller's machine",
        arguments: [
            (
                "gate c failed: exit code 1; its output is in \"/var/lib/mlctl/checks/a b.log\"",
                "gate c failed: exit code 1"
            ),
            (
                "gate c failed: exit code 1; its output is in /var/lib/x.log (retried)",
                "gate c failed: exit code 1 (retried)"
            ),
            ("gate errors failed: 5 of 10", "gate errors failed: 5 of 10"),
        ])
    func paths(reason: String, shown: String) {
        let wish = RevertWish(
            deployment: DeploymentKey(namespace: "n", name: "m"), failed: Revision(rawValue: "bbbbbbbbbb"),
            failedVersion: "2", served: Revision(rawValue: "aaaaaaaaaa"), servedVersion: "1", servedCommit: "c1",
            reason: reason, decidedAt: Date(timeIntervalSince1970: 0))
        let message = wish.message(nil)
        #expect(message.contains("\nVersion 2 was rolled back: \(shown)\n"))
        #expect(!message.contains("/var/lib"))
        #expect(message.hasSuffix("\nMlctl-Revert: n/m bbbbbbbbbb\n"))
    }
}
