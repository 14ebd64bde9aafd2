import ControlPorts
import ModelManifests
import Rollouts

/// The metrics of a project.
extension MetricsText {
    /// Empty for a controller with a single, unnamed project.
    static func labels(ofProject name: String?) -> [String: String] {
        guard let name, name != Project.defaultName else { return [:] }
        return ["project": name]
    }

    mutating func add(_ project: ProjectSyncState) {
        let labels = Self.labels(ofProject: project.source.name)
        counter("mlctl_source_fetches_total", "Fetches from git", project.looks, labels)
        counter("mlctl_source_failures_total", "Fetches from git that failed", project.lookFailures, labels)
        gauge(
            "mlctl_project_diagnostics", "Problems in the manifests of a project",
            Double(project.status.diagnostics.count + (project.status.diagnosticsLeftOut ?? 0)), labels)
        if let fetched = project.status.fetchedAt {
            gauge(
                "mlctl_source_fetched_timestamp_seconds", "When git was last read",
                fetched.timeIntervalSince1970.rounded(),
                labels)
        }
        for usage in project.status.limits ?? [] {
            let own = labels.merging(["limit": usage.name]) { $1 }
            gauge("mlctl_project_used", "How much of a limit the deployments of a project use", usage.used, own)
            gauge("mlctl_project_limit", "The limit of a project", usage.limit, own)
        }
    }
}

/// The metrics of one deployment, from its status. Metrics without a value are left out, so that the number of series stays a
/// small multiple of the number of deployments.
extension MetricsText {
    mutating func add(_ status: DeploymentStatus) {
        let labels = ["namespace": status.namespace, "name": status.name]
            .merging(Self.labels(ofProject: status.project)) { $1 }
        func with(_ name: String, _ value: String) -> [String: String] { labels.merging([name: value]) { $1 } }
        gauge(
            "mlctl_deployment_phase", "1 for the phase that the deployment is in", 1,
            with("phase", status.phase.rawValue))
        if let available = status.condition(.available), available.status != "Unknown" {
            gauge(
                "mlctl_deployment_available",
                "1 if everything that should serve does, 0 if not; absent while unknown",
                available.status == "True" ? 1 : 0, labels)
        }
        if let seen = status.lastSeenAt {
            gauge(
                "mlctl_deployment_last_seen_timestamp_seconds",
                "When the deployment was last observed; only present while it cannot be observed",
                seen.timeIntervalSince1970.rounded(), labels)
        }
        let cause = status.personCause
        gauge(
            "mlctl_deployment_waiting_for_person",
            "1 if the deployment does not continue without a person, and the cause",
            cause == nil ? 0 : 1, with("cause", cause?.rawValue ?? "none"))
        if status.conditions.contains(where: { $0.type == Condition.suspended }) {
            gauge(
                "mlctl_deployment_suspended", "1 if the deployment is suspended; otherwise absent", 1, labels)
        }
        gauge(
            "mlctl_deployment_candidate_weight", "The candidate's share of the traffic, in percent",
            Double(status.candidate?.weight ?? 0), labels)
        for gate in status.gates where gate.warnOnly && gate.verdict == "fail" {
            gauge(
                "mlctl_gate_would_have_failed", "1 if a gate that only warns has failed; otherwise absent", 1,
                with("gate", gate.name))
        }
        addTroubles(status, labels)
    }

    private mutating func addTroubles(_ status: DeploymentStatus, _ labels: [String: String]) {
        for revision in [status.stable, status.candidate].compactMap(\.self) {
            let own = labels.merging(["revision": revision.revision.rawValue]) { $1 }
            if let restarts = revision.restarts {
                counter("mlctl_instance_restarts_total", "Restarts of the current instances", restarts, own)
            }
            if let unavailable = revision.unavailable {
                counter(
                    "mlctl_unavailable_requests_total",
                    "Requests meant for the revision that none of its instances could take", unavailable,
                    own)
            }
            if let cpu = revision.cpuSeconds {
                counter(
                    "mlctl_revision_cpu_seconds_total",
                    "CPU seconds of the current instances, since this controller started to measure them", cpu, own)
            }
            if let memory = revision.memoryBytes {
                gauge(
                    "mlctl_revision_memory_bytes", "Resident bytes of the current instances", Double(memory), own
                )
            }
            if let abandoned = revision.abandoned {
                counter(
                    "mlctl_abandoned_requests_total",
                    "Requests to the revision whose clients gave up before the answer", abandoned, own)
            }
        }
        if let split = status.split {
            gauge(
                "mlctl_split_mismatch",
                "1 if requests are not split as intended, or too many requests of one side are missing",
                split.isMismatched ? 1 : 0, labels)
            gauge(
                "mlctl_split_requests", "Requests that the rollout has split between stable and candidate",
                Double(split.requests), labels)
            gauge(
                "mlctl_split_candidate_requests", "Split requests that went to the candidate",
                Double(split.candidate), labels)
            gauge(
                "mlctl_split_candidate_requests_expected", "Split requests that should have gone to the candidate",
                Double(split.asked),
                labels)
            gauge(
                "mlctl_split_missing_requests", "Split requests that are missing in the evidence of gates",
                Double(split.candidateMissing),
                labels.merging(["side": "candidate"]) { $1 })
            gauge(
                "mlctl_split_missing_requests", "Split requests that are missing in the evidence of gates",
                Double(split.stableMissing),
                labels.merging(["side": "stable"]) { $1 })
        }
        if let check = status.selfCheck {
            counter(
                "mlctl_self_check_rollouts_total", "Rollouts in which stable was compared with itself", check.rollouts,
                labels)
            counter(
                "mlctl_self_check_false_alarms_total",
                "Rollouts of stable against itself in which a gate would have rolled back",
                check.falseAlarms, labels)
            gauge(
                "mlctl_self_check_promised_rate", "The rate of false alarms that the gates promise",
                check.promisedRate,
                labels)
        }
        let ejected = [status.stable, status.candidate].reduce(0) { $0 + ($1?.ejected ?? 0) }
        if ejected > 0 {
            gauge("mlctl_ejected_instances", "Ejected instances", Double(ejected), labels)
        }
        if let cut = status.cutRequests {
            counter(
                "mlctl_cut_requests_total", "Requests that were cut off because they outlasted their drain", cut, labels
            )
        }
        if let refused = status.refusedConnections {
            counter("mlctl_refused_connections_total", "Connections that no instance accepted", refused, labels)
        }
    }
}
