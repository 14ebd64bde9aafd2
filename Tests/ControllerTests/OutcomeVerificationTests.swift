import ControlPorts
import Foundation
import ModelManifests
import Serving
import Testing

@testable import Controller

@Suite("Reported outcomes")
struct OutcomeVerificationTests {
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let churn = DeploymentKey(namespace: "crm", name: "churn")
    private let revision = Revision(rawValue: "aaaaaaaaaa")
    private let now = Date(timeIntervalSince1970: 2_000_000)
    private let key: RequestIdentityKey
    private let otherKey: RequestIdentityKey

    init() throws {
        key = try #require(RequestIdentityKey(Array(0..<16)))
        otherKey = try #require(RequestIdentityKey(Array(1...16)))
    }

    private func id(
        of deployment: DeploymentKey, revision: Revision? = nil, at seconds: UInt32 = 1_999_000,
        under key: RequestIdentityKey? = nil
    ) -> String {
        RequestIdentity(revision: revision ?? self.revision, atSeconds: seconds, random: 7)
            .text(of: deployment, key: key ?? self.key)
    }

    private func sort(_ requestId: String, _ label: String = "correct", _ value: Double = 1)
        -> OutcomeVerification.Sorted
    {
        OutcomeVerification(
            keys: [churn: .known(key), fraud: .known(key)], deployments: [revision: [churn, fraud]], now: now
        )
        .sort([ReportedOutcome(requestId: requestId, label: label, value: value)])
    }

    @Test("are assigned to the deployment that answered, even if several serve the same revision")
    func finds() {
        for deployment in [fraud, churn] {
            let sorted = sort(id(of: deployment))
            #expect(sorted.refused.isEmpty)
            #expect(sorted.outcomes.keys.map(\.self) == [deployment])
            #expect(
                sorted.outcomes[deployment]?.first?.request
                    == RequestIdentity(revision: revision, atSeconds: 1_999_000, random: 7))
        }
    }

    @Test("with another key, another deployment or a changed id are forged")
    func forged() {
        let own = id(of: fraud)
        let changed = own.replacing("001e8098", with: "001e8099")
        for forged in [
            id(of: fraud, under: otherKey), id(of: DeploymentKey(name: "fraud")), String(own.dropLast()) + "x", changed,
        ] {
            #expect(forged != own)
            #expect(sort(forged).outcomes.isEmpty)
            #expect(sort(forged).refused.count == 1)
        }
    }

    @Test(
        "are refused with a reason",
        arguments: [
            ("", "correct", 1.0, "requestId is not valid"),
            ("x", "correct", 1, "requestId is not valid"),
            ("ok", "correct", .nan, "finite"),
            ("ok", "correct", .infinity, "finite"),
            ("ok", "correct", -0.5, "negative"),
            ("ok", "", 1, "label"),
            ("ok", "a b", 1, "label"),
            ("ok", String(repeating: "l", count: 64), 1, "label"),
            ("unknown", "correct", 1, "no deployment has revision bbbbbbbbbb"),
            ("old", "correct", 1, "older than 14 days"),
        ] as [(String, String, Double, String)])
    func refused(kind: String, label: String, value: Double, reason: String) throws {
        let ids = [
            "ok": id(of: fraud), "unknown": id(of: fraud, revision: Revision(rawValue: "bbbbbbbbbb")),
            "old": id(of: fraud, at: 2_000_000 - 14 * 86_400 - 1),
        ]
        let refusal = try #require(sort(ids[kind] ?? kind, label, value).refused.first)
        #expect(refusal.reason.contains(reason))
        #expect(refusal.label == label)
    }

    @Test("are verified with the key of the deployment's own data plane, whichever of several issued the id")
    func ownKeys() {
        let verification = OutcomeVerification(
            keys: [churn: .known(otherKey), fraud: .known(key)], deployments: [revision: [churn, fraud]], now: now)
        func sorted(_ id: String) -> OutcomeVerification.Sorted {
            verification.sort([ReportedOutcome(requestId: id, label: "correct", value: 1)])
        }
        #expect(sorted(id(of: fraud)).outcomes.keys.map(\.self) == [fraud])
        #expect(sorted(id(of: churn, under: otherKey)).outcomes.keys.map(\.self) == [churn])
        #expect(sorted(id(of: fraud, under: otherKey)).refused.first?.reason.contains("replaced") == true)
    }

    @Test("are neither accepted nor refused while a key, or what a site serves, is unknown")
    func undecided() {
        var verification = OutcomeVerification(
            keys: [churn: .unknown("cluster prod is away"), fraud: .known(key)],
            deployments: [revision: [churn, fraud]], unread: "cluster prod was not read yet", now: now)
        func sorted(_ id: String) -> OutcomeVerification.Sorted {
            verification.sort([ReportedOutcome(requestId: id, label: "correct", value: 1)])
        }
        #expect(sorted(id(of: churn, under: otherKey)).undecided == "cluster prod is away")
        #expect(sorted(id(of: churn, under: otherKey)).refused.isEmpty)
        #expect(sorted(id(of: fraud)).undecided == nil)
        let stranger = id(of: fraud, revision: Revision(rawValue: "bbbbbbbbbb"))
        #expect(sorted(stranger).undecided == "cluster prod was not read yet")
        verification.unread = nil
        #expect(sorted(stranger).undecided == nil)
        #expect(sorted(stranger).refused.count == 1)
    }

    @Test("may be as old as the limit")
    func oldest() {
        #expect(sort(id(of: fraud, at: 2_000_000 - 14 * 86_400)).refused.isEmpty)
    }

    @Test("add up, and list only the first refusals")
    func receipts() {
        let refusals = (0..<8).map { OutcomeReceipt.Refusal(requestId: "\($0)", label: "", reason: "") }
        let sum = OutcomeReceipt(accepted: 1, refusals: refusals) + OutcomeReceipt(repeated: 2, refusals: refusals)
        #expect(sum.accepted == 1 && sum.repeated == 2 && sum.refused == 16)
        #expect(sum.refusals == Array((refusals + refusals).prefix(OutcomeReceipt.refusalLimit)))
    }
}
