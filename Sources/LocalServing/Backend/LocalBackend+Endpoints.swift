import Foundation
import ModelManifests
import Serving

/// Chooses the port of each deployment's endpoint, and explains why an endpoint is closed.
extension LocalBackend {
    /// Sets the record's endpoint port and preview port, avoiding ports that other deployments use.
    func choosePorts(for record: inout DeploymentRecord, _ plan: ServingPlan) {
        endpointProblems[plan.deployment] = nil
        guard !plan.revisions.isEmpty else { return }
        var taken = portsInUse(besides: plan.deployment)
        record.port = choosePort(plan, fixed: plan.endpoint.port, remembered: record.port, taken)
        guard let preview = plan.revisions.lazy.compactMap(\.preview).first else { return }
        if let port = record.port { taken[port] = "the endpoint of \(plan.deployment)" }
        record.previewPort = choosePort(plan, fixed: preview.port, remembered: record.previewPort, taken)
    }

    private func choosePort(_ plan: ServingPlan, fixed: Int?, remembered: Int?, _ taken: [Int: String]) -> Int? {
        let choice = EndpointPorts.choose(
            fixed: fixed, remembered: remembered, taken: taken, ephemeral: EndpointPorts.ephemeral(),
            isFree: EndpointPorts.isFree)
        switch choice {
        case .port(let port):
            guard let sitter = deploymentStuck(at: port, besides: plan, wanting: fixed) else { return port }
            endpointProblems[plan.deployment] =
                "\(sitter) still uses port \(port), because the port it wants is taken. Set another `endpoint.port`."
        case .problem(let text): endpointProblems[plan.deployment] = text
        }
        return remembered
    }

    /// A deployment at `port` that should move to another port but cannot, because that one is taken too.
    private func deploymentStuck(at port: Int, besides plan: ServingPlan, wanting fixed: Int?) -> DeploymentKey? {
        records.values.first { sitter in
            guard sitter.deployment != plan.deployment, !sitter.isEmpty, sitter.port == port,
                let wanted = sitter.plan?.endpoint.port, wanted != port
            else { return false }
            return wanted == fixed || portsInUse(besides: sitter.deployment, and: plan.deployment)[wanted] != nil
        }?.deployment
    }

    /// Counts the ports that other deployments want, not those where they are now. So two deployments can swap ports.
    private func portsInUse(besides deployment: DeploymentKey, and other: DeploymentKey? = nil) -> [Int: String] {
        let left = [deployment, other]
        var taken = reservedPorts
        for instance in instances.values {
            let ports =
                Array((instance.status?.ports ?? [:]).values) + Array((instance.status?.keptPorts ?? [:]).values)
            for port in ports { taken[port] = "the port of a model server of \(instance.spec.deployment)" }
        }
        for other in records.values where !left.contains(other.deployment) && !other.isEmpty {
            for port in other.wantedPorts { taken[port] = "the endpoint of \(other.deployment)" }
        }
        return taken
    }

    /// Chooses ports again for deployments whose port was taken: another deployment may have released it.
    func retryRefusedPorts(besides deployment: DeploymentKey? = nil) -> [DeploymentKey] {
        var moved: [DeploymentKey] = []
        for other in endpointProblems.keys.sorted() where other != deployment {
            guard var record = records[other], let plan = record.plan else {
                endpointProblems[other] = nil
                continue
            }
            choosePorts(for: &record, plan)
            guard record != records[other] || endpointProblems[other] == nil else { continue }
            keep(record)
            moved.append(other)
        }
        return moved
    }

    /// Writes down the endpoint ports of all deployments and the reserved ports, so that no instance takes one as its own port.
    func saveEndpointPorts() throws {
        let ports = Set(records.values.filter { !$0.isEmpty }.flatMap(\.wantedPorts)).union(reservedPorts.keys).sorted()
        guard ports != reservedOnDisk else { return }
        try StateFile.write(ports, to: state.endpointPorts)
        reservedOnDisk = ports
    }

    // MARK: Why an endpoint is closed

    /// Why the endpoint is closed. Nil if it is open, or if the plan does not open it.
    func endpointProblem(_ record: DeploymentRecord?, _ share: ProxyView.Share, _ view: ProxyView) -> String? {
        guard let record, let plan = record.plan, !plan.revisions.isEmpty else { return nil }
        if let refused = endpointProblems[record.deployment] {
            let old = record.port.map { " Until then the endpoint stays at port \($0)." } ?? ""
            return refused + old
        }
        guard plan.isOpen else { return nil }
        guard view.answers else {
            let state =
                view.isDown ? "is not running and is being started." : "does not answer. \(ProxyLink.whatIsDone)"
            return view.problem ?? "the proxy of this machine \(state)"
        }
        guard let endpoint = share.endpoint, endpoint.port == record.port else {
            if let holder = holder(before: record) {
                return
                    "\(holder) still answers at port \(record.port ?? 0) until an instance of this deployment is ready."
            }
            if let refused = share.endpoint, refused.error != nil {
                return closed(
                    refused, of: record.deployment, field: "endpoint.port", noun: "endpoint", wanted: record.port)
            }
            return view.problem ?? "the proxy has not opened port \(record.port ?? 0) yet."
        }
        guard !endpoint.listening else { return nil }
        if let problem = endpoint.certificateProblem {
            return "the endpoint accepts no connection: \(problem)"
        }
        return closed(endpoint, of: record.deployment, field: "endpoint.port", noun: "endpoint")
    }

    /// Whether another program uses the endpoint's port. A deployment that is about to leave the port does not count.
    func isEndpointPortTaken(_ record: DeploymentRecord?, _ share: ProxyView.Share, _ view: ProxyView) -> Bool {
        guard let record, let plan = record.plan, plan.isOpen, !plan.revisions.isEmpty, view.answers,
            endpointProblems[record.deployment] == nil, let endpoint = share.endpoint,
            endpoint.certificateProblem == nil
        else { return false }
        let isRefused = endpoint.port == record.port ? !endpoint.listening : endpoint.error != nil
        return isRefused && holder(before: record) == nil
            && !isAnothers(record.port ?? endpoint.port, than: record.deployment)
    }

    private func isAnothers(_ port: Int, than deployment: DeploymentKey) -> Bool {
        records.values.contains { $0.deployment != deployment && !$0.isEmpty && $0.port == port }
    }

    /// - Parameter wanted: the port that the endpoint should have. The report may still show the old port.
    func closed(
        _ report: EndpointReport, of deployment: DeploymentKey, field: String, noun: String, wanted: Int? = nil
    ) -> String {
        let port = wanted ?? report.port
        let remedy =
            isAnothers(port, than: deployment)
            ? "It opens when that deployment has moved to its new port. Otherwise" : "Stop what uses port \(port), or"
        return "the \(noun)'s port \(port) cannot be opened: \(report.error ?? "the proxy gave no reason"). "
            + "\(remedy) set another `\(field)`."
    }
}

/// Handover of a port: one deployment replaces another at the same port under a new name. The old one answers until the new one
/// can.
extension LocalBackend {
    /// How long to wait for a successor's manifest: two manifests of one commit are applied one after the other.
    static let successorPatience = Duration.seconds(3)

    /// The plan in force. For a removed deployment that keeps its port for a successor, that is its last plan with revisions.
    func planInForce(_ deployment: DeploymentKey) -> ServingPlan? {
        guard let record = records[deployment] else { return nil }
        return keepsPortForSuccessor(record) ? record.formerPlan : record.plan
    }

    /// Whether a removed deployment keeps answering at its port. It does so until its successor has a ready instance, however
    /// long that takes and even if the successor fails: only the successor's first ready instance or a new commit ends it.
    private func keepsPortForSuccessor(_ record: DeploymentRecord) -> Bool {
        guard record.isEmpty, let port = record.formerPlan?.endpoint.port, port == record.port else { return false }
        guard let successor = records.values.first(where: { $0.succeeds(record, at: port) }) else {
            return emptiedAt[record.deployment].map { clock.now - $0 < Self.successorPatience } ?? true
        }
        return !canAnswer(successor)
    }

    /// The deployment that waits to take over the port of `record`.
    func successor(of record: DeploymentRecord) -> DeploymentKey? {
        guard let port = record.port, keepsPortForSuccessor(record) else { return nil }
        return records.values.first { $0.succeeds(record, at: port) }?.deployment
    }

    /// Whether another deployment still answers at the plan's port and leaves it once this plan has something ready.
    func isAwaited(_ plan: ServingPlan) -> Bool {
        guard !plan.isRemoved, let port = plan.endpoint.port else { return false }
        return records.values.contains { $0.deployment != plan.deployment && $0.port == port && !$0.servesNothing }
    }

    /// The removed deployment that still answers at the port of `record`.
    private func holder(before record: DeploymentRecord) -> DeploymentKey? {
        guard let port = record.port else { return nil }
        return records.values.first { record.succeeds($0, at: port) && $0.port == port && keepsPortForSuccessor($0) }?
            .deployment
    }

    private func canAnswer(_ record: DeploymentRecord) -> Bool {
        guard let plan = record.plan, plan.isOpen, endpointProblems[record.deployment] == nil else { return false }
        let weighted = Set(plan.revisions.filter { $0.weight > 0 }.map(\.revision))
        return observedInstances(of: record.deployment, ProxyView()).contains {
            weighted.contains($0.revision) && $0.serves
        }
    }

    /// Deployments whose routes must change together with this one's: all that are at its port or are about to leave it.
    func neighbours(of deployment: DeploymentKey) -> [DeploymentKey] {
        guard let port = records[deployment]?.port else { return [] }
        return records.values.filter {
            $0.deployment != deployment && ($0.port == port || toldPorts[$0.deployment] == port)
        }.map(\.deployment).sorted()
    }

    func route(of deployment: DeploymentKey, _ view: ProxyView) -> ProxyRoute? {
        guard let record = records[deployment], let port = record.port, let plan = planInForce(deployment),
            holder(before: record) == nil
        else { return nil }
        return RouteComposition.route(
            plan: plan, port: port, previewPort: record.previewPort, instances: observedInstances(of: deployment, view))
    }

    /// Records when a deployment with a fixed port is removed, so that it can answer until its successor is ready.
    func recordRemoval(_ record: inout DeploymentRecord, former: ServingPlan?, next: ServingPlan) {
        guard next.revisions.isEmpty else {
            record.formerPlan = nil
            emptiedAt[record.deployment] = nil
            return
        }
        guard next.isRemoved, let former, former.isOpen, former.endpoint.port != nil else { return }
        record.formerPlan = former
        emptiedAt[record.deployment] = clock.now
    }

    func finishHandoverIfDone(_ deployment: DeploymentKey) {
        guard var record = records[deployment], record.formerPlan != nil, !keepsPortForSuccessor(record) else { return }
        record.formerPlan = nil
        emptiedAt[deployment] = nil
        keep(record)
    }
}

extension DeploymentRecord {
    /// The ports that the plan asks for, or those chosen for the deployment where the plan leaves them open.
    fileprivate var wantedPorts: [Int] {
        let preview = plan?.revisions.lazy.compactMap(\.preview).first
        return [plan?.endpoint.port ?? port, preview.flatMap { $0.port ?? previewPort }].compactMap { $0 }
    }

    /// A deployment that failed still wants its port, because its manifest still exists.
    fileprivate func succeeds(_ other: DeploymentRecord, at port: Int) -> Bool {
        deployment != other.deployment && other.isEmpty && plan?.endpoint.port == port
            && (!isEmpty || plan?.isRemoved == false && formerPlan == nil)
    }

    fileprivate var servesNothing: Bool { isEmpty && formerPlan == nil }
}
