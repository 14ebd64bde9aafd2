import ControlPorts
import Foundation
import ModelManifests
import Presentation
import Rollouts
import Testing

@testable import Commands
@testable import Controller

/// Phase, conditions, JSON, table, detail, `explain`, metrics and `wait` agree on the health of a deployment.
@Suite("The health of a deployment")
struct HealthAgreementTests {
    @Test("is the same in every command", arguments: Moment.all)
    func agrees(moment: Moment) throws {
        let status = moment.view().status
        #expect(status.phase == moment.phase)
        #expect(status.condition(.available)?.status == moment.available)
        #expect(status.condition(.ready)?.status == moment.ready)
        #expect(status.personCause == moment.cause)
        checkConditions(status)
        checkWait(status, moment)
        checkMetrics(status, moment)
        checkText(status, moment)
    }

    @Test("is tested in every phase, for every cause, hold and shortage")
    func covers() {
        let views = Moment.all.map { $0.view() }
        #expect(Set(Moment.all.map(\.phase)) == Set(Phase.allCases))
        #expect(Set(Moment.all.compactMap(\.cause)) == Set(PersonCause.allCases).subtracting([.other]))
        let holds = views.compactMap { $0.state?.rollout?.hold }.map { "\($0)".prefix { $0 != "(" } }
        #expect(
            Set(holds) == [
                "byOperator", "insufficientEvidence", "gateFailed", "unavailable", "trafficUnconfirmed", "stepsEdited",
                "splitMismatch", "outsidePolicy",
            ])
        let shortages = Set(views.compactMap { $0.state?.shortage?.kind })
        #expect(shortages == [.tooFewInstances, .endpointClosed, .cannotServe, .intendedGap])
    }

    private func checkConditions(_ status: DeploymentStatus) {
        let (isReady, available) = (status.condition(.ready)?.status == "True", status.condition(.available)?.status)
        let (stalled, reconciling) = (status.condition(.stalled)?.status, status.condition(.reconciling)?.status)
        // Other conditions than kstatus's are notes, which say nothing about the health.
        let notes = [Condition.predictionsJudged, Condition.suspended]
        let stands = status.conditions.filter { !notes.contains($0.type) }
        #expect(Set(stands.map(\.type)) == ["Ready", "Reconciling", "Stalled", "Available"])
        #expect(stands.count == 4 && status.conditions.count <= 6)
        if isReady {
            #expect(status.phase == .healthy && available == "True" && status.endpoint != nil)
            #expect(stalled == "False" && reconciling == "False" && status.waiting == nil)
            #expect(status.candidate == nil && status.stable?.revision == status.desired?.revision)
        }
        if status.phase == .healthy { #expect(available == (status.lastSeenAt == nil ? "True" : "Unknown")) }
        if status.phase == .degraded || status.phase == .failed { #expect(available != "True") }
        #expect(!(stalled == "True" && reconciling == "True"), "as kstatus has them")
        if available == "True", status.stable != nil { #expect(status.availableSince != nil) }
        if available != "True" { #expect(status.availableSince == nil) }
    }

    private func checkWait(_ status: DeploymentStatus, _ moment: Moment) {
        #expect(status.waitingFor == status.waiting?.cause)
        #expect((status.waiting == nil) == (status.waiting?.since == nil), "a wait says how long it has lasted")
        let isOfManifest = [.invalidManifest, .anotherPlace, .notInGit].contains(moment.cause)
        if isOfManifest {
            #expect(status.waiting?.needsPerson == (status.candidate == nil), "a rollout goes on")
        } else {
            #expect((status.waiting?.needsPerson == true) == (moment.cause != nil))
        }
        if status.candidate != nil || ![.healthy, .idle].contains(status.phase) {
            #expect(status.waiting?.cause.isEmpty == false)
        }
        if status.waiting?.needsPerson == true {
            #expect(status.waiting?.endsAt == nil && status.waiting?.remedy != nil)
        }
        let goal = WaitGoal(
            deployment: DeploymentKey(namespace: status.namespace, name: status.name), target: .healthy, commit: nil)
        let verdict = goal.verdict(ControllerStatus(deployments: [status])) { _ in true }
        if case .met = verdict { #expect(moment.ready == "True") } else { #expect(moment.ready != "True") }
    }

    private func checkMetrics(_ status: DeploymentStatus, _ moment: Moment) {
        var text = MetricsText()
        text.add(status)
        let labels = #"name="\#(status.name)",namespace="\#(status.namespace)""#
        let lines = text.rendered.split(separator: "\n")
        func values(_ name: String) -> [String] {
            lines.filter { $0.hasPrefix("\(name){") }.map { "\($0.dropFirst(name.count))" }
        }
        #expect(values("mlctl_deployment_phase") == [#"{\#(labels),phase="\#(moment.phase.rawValue)"} 1"#])
        let available = ["True": ["{\(labels)} 1"], "False": ["{\(labels)} 0"], "Unknown": []]
        #expect(values("mlctl_deployment_available") == available[moment.available])
        let seen = status.lastSeenAt.map { ["{\(labels)} \(Int($0.timeIntervalSince1970.rounded()))"] } ?? []
        #expect(values("mlctl_deployment_last_seen_timestamp_seconds") == seen)
        #expect(
            values("mlctl_deployment_waiting_for_person") == [
                #"{cause="\#(moment.cause?.rawValue ?? "none")",\#(labels)} \#(moment.cause == nil ? 0 : 1)"#
            ])
    }

    private func checkText(_ status: DeploymentStatus, _ moment: Moment) {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let table = StatusTable().lines(ControllerStatus(deployments: [status]), now: now, on: Canvas(width: 80))
        #expect(table.allSatisfy { $0.columns <= 80 })
        let isKept = moment.cause == .notInGit
        let phase = isKept ? "NotInGit" : moment.phase.rawValue
        #expect(table.last?.contains(" \(phase) ") == true)
        if let seen = status.lastSeenAt {
            let wide = StatusTable().lines(ControllerStatus(deployments: [status]), now: now, on: Canvas())
            #expect(wide.last?.contains("\(status.phase.rawValue) (\(RelativeTime.text(seen, now: now)))") == true)
            #expect(status.summary.contains("when last seen"))
        }
        let detail = StatusDetail(deployment: status, sources: [], now: now, canvas: Canvas()).lines()
        let explained = ExplainText(
            explanation: DeploymentExplanation(status: status), now: now, canvas: Canvas()
        ).lines()
        for lines in [detail, explained] {
            let text = lines.joined(separator: "\n")
            #expect(text.contains(phase))
            #expect(!isKept || !text.contains("Healthy"))
            #expect(text.contains("not current: the deployment was last seen") == (status.lastSeenAt != nil))
            #expect(text.contains("a person: ") == (status.waiting?.needsPerson == true))
            if let wait = status.waiting { #expect(text.contains(wait.cause)) }
            if status.waiting?.endsAt != nil { #expect(text.contains("ends by itself in")) }
        }
        if moment.phase == .paused, let row = table.last {
            #expect(row.contains("needs a") == (moment.cause != nil))
        }
    }
}
