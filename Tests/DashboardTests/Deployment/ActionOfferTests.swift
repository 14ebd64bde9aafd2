import ControlPorts
import Rollouts
import Testing

@testable import Dashboard

@Suite("A button")
struct ActionOfferTests {
    private typealias Samples = DashboardSamples

    private func offers(_ status: DeploymentStatus) -> [String: ActionOffer] {
        let all = ActionOffer.all(status, steps: Samples.steps, history: Samples.history)
        return Dictionary(uniqueKeysWithValues: all.map { ($0.verb, $0) })
    }

    @Test("says to which version and to how much traffic it does what, before it is pressed")
    func effects() throws {
        let offers = offers(Samples.status("a", .paused, waiting: Samples.approval, weight: 10))
        #expect(offers.count == CommandKind.allCases.count)
        let promote = try #require(offers["promote"])
        #expect(
            promote.refusal == nil && promote.effect.contains("set weight 100 %")
                && promote.effect.contains("Version 3 has 10 %"))
        let abort = try #require(offers["abort"])
        #expect(
            abort.effect.hasPrefix("Version 3 loses 10 % of the traffic at once")
                && abort.effect.contains("version 2 serves all"))
        #expect(abort.isForceful && !promote.isForceful)
    }

    @Test("is refused with the reason where the phase does not allow it")
    func refusals() {
        let healthy = offers(Samples.status("a", .healthy))
        #expect(healthy["promote"]?.refusal == "no rollout is in progress")
        #expect(healthy["retry"]?.refusal == "nothing is held back")
        #expect(healthy["rollback"]?.refusal == nil && healthy["suspend"]?.refusal == nil)
        #expect(
            offers(Samples.status("a", .rollingBack, weight: 0))["abort"]?.refusal?.contains("ends by itself") == true)
        for (phase, offers) in Phase.allCases.map({ ($0, offers(Samples.status("a", $0))) }) {
            for kind in CommandKind.allCases where !PhaseTable.row(phase).commands.contains(kind) {
                #expect(offers[kind.rawValue]?.refusal != nil, "\(kind) in \(phase)")
            }
        }
    }

    @Test("a rollback names the revision that it goes back to, and passes over what failed")
    func rollback() {
        let status = Samples.status("a", .healthy)
        #expect(offers(status)["rollback"]?.effect.contains("replaced by version 1 (revision cccccccccc)") == true)
        var later = Samples.history
        later[2].startedAt = Samples.now
        #expect(RollbackTargets(status: status, history: later).first == nil)
        var history = Samples.history
        history[2].outcome = "rolled back"
        #expect(RollbackTargets(status: status, history: history).first == nil)
        let refused = ActionOffer.all(status, history: history).first { $0.verb == "rollback" }
        #expect(refused?.refusal?.contains("no earlier revision") == true)
    }

    @Test("the remedy that the status names is a button, if it is possible")
    func remedy() {
        #expect(
            ActionOffer.remedy(of: Samples.status("a", .paused, waiting: Samples.approval, weight: 1))?.verb
                == "promote")
        let other = WaitStatus(cause: "x", remedy: "fix the manifest")
        #expect(ActionOffer.remedy(of: Samples.status("a", .paused, waiting: other)) == nil)
        #expect(ActionOffer.remedy(of: Samples.status("a", .healthy, waiting: Samples.approval)) == nil)
    }

    @Test("a form is for what its page showed; to stop a rollout, the same revisions are enough")
    func seen() {
        let before = Samples.status("a", .progressing, weight: 10)
        var after = before
        after.step = StepStatus(index: 3, count: 4, description: "next")
        #expect(ConfirmPage.seen(before, before: .promote) != ConfirmPage.seen(after, before: .promote))
        #expect(ConfirmPage.seen(before, before: .abort) == ConfirmPage.seen(after, before: .abort))
        after.candidate = nil
        #expect(ConfirmPage.seen(before, before: .abort) != ConfirmPage.seen(after, before: .abort))
    }
}
