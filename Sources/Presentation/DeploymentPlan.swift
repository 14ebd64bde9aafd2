import Analysis
import ControlPorts
import ModelManifests
import Rollouts

/// What a commit of a manifest would do to its deployment. Pure.
package struct DeploymentPlan: Hashable, Encodable {
    package enum Change: String, Encodable {
        case created = "new"
        /// Another serving template, which starts a rollout.
        case revision
        /// The same revision with other replicas, gates, steps or traffic settings.
        case settings
        case unchanged
        /// The revision failed before, and is not tried again.
        case quarantined
        /// No file describes it any more: it is stopped.
        case removed
        /// No file describes it any more, and it stays nevertheless.
        case kept
        /// The controller was not asked.
        case unknown
    }

    package var deployment: DeploymentKey
    package var version: String
    package var revision: Revision
    /// False where model files are pinned at the commit only: then their digest becomes part of the revision.
    package var isRevisionFinal: Bool
    package var change: Change
    /// What happens, in one sentence.
    package var text: String
    package var runningVersion: String?
    package var runningRevision: Revision?
    /// For example `replicas: 2 → 3`.
    package var settingChanges: [String]
    /// All settings in words.
    package var settings: [SettingDescription]
    /// What the gates promise together; nil where no gate promises anything.
    package var promise: GuaranteeDescription?
    /// The most that is loaded at the same time.
    package var capacity: String
    /// The candidate's preview address, in a cluster.
    package var preview: String?
    /// What may go wrong later, and what to do.
    package var warnings: [String]
    /// What users of the endpoint notice.
    package var users: String
    package var risks: [PlanRisk]
    /// Of a deployment that takes the place of another one, and of that one.
    package var renamedFrom: DeploymentKey?
    package var renamedTo: DeploymentKey?
    /// What users send now, as the controller counts it; left out where that is not known.
    package var traffic: TrafficRate?
    /// How long the rollout would take at that traffic; left out where nothing can be forecast.
    package var forecast: VerdictForecast?
    /// The other project from which it comes, or to which it goes.
    package var movedFrom: String?
    package var movedTo: String?

    /// - Parameters:
    ///   - running: what the controller knows about the deployment.
    ///   - before: its manifest before; nil where that is not known.
    ///   - renamedFrom: the deployment whose place it takes.
    ///   - movedFrom: the other project that described it before.
    ///   - otherPorts: the ports that deployments of the same plan ask for on this machine.
    ///   - previewAddress: the address in a cluster at which the candidate of this revision can be tried; nil for none.
    package init(
        _ deployment: ModelDeployment, against running: Running, before: ModelDeployment? = nil,
        renamedFrom: DeploymentKey? = nil, movedFrom: String? = nil, otherPorts: [Int: DeploymentKey] = [:],
        previewAddress: (Revision) -> String? = { _ in nil }
    ) {
        (self.renamedFrom, self.movedFrom) = (renamedFrom, movedFrom)
        (users, risks) = ("", [])
        self.deployment = deployment.key
        version = deployment.template.model.version
        settings = deployment.settingsWords
        promise = GuaranteeDescription(deployment.rollout, slices: deployment.endpoint.slices)
        let known = running.explanation
        let template = Self.pinned(deployment.template, like: [known?.wanted, known?.stableLoad])
        revision = template.revision
        isRevisionFinal =
            deployment.target != .local || template.model.storageURI == nil || template.model.digest != nil
        preview = previewAddress(template.revision)
            .map { "\($0), from outside: \(PreviewForwarding.command($0) ?? "")" }
        warnings = deployment.warnings
        runningVersion = known?.stableLoad?.version
        runningRevision = known?.stableLoad?.revision
        settingChanges = known.map { Self.changes(from: $0.settings, to: deployment.settingsWords) } ?? []
        (change, text) = Self.outcome(deployment, revision, running, changesSettings: !settingChanges.isEmpty)
        capacity = CapacityText.most(
            of: deployment, beside: known?.stableLoad, starts: change != .settings && change != .unchanged,
            knowsStable: running.isKnown)
        // Without a rollout, no gate misses anything.
        if change != .unchanged, let unseen = deployment.unseenPredictions { warnings.append(unseen) }
        if let movedFrom {
            text = "version \(version) moves here from project '\(movedFrom)': it is stopped there and starts again"
        } else if let renamedFrom {
            text = "\(renamedFrom) is renamed to this: version \(version) is deployed as a new deployment"
        }
        traffic = known?.traffic
        if change == .revision, let traffic, deployment.forecastsVerdicts {
            forecast = VerdictForecast(deployment.rollout, traffic: traffic, slices: deployment.endpoint.slices)
        }
        let impact = UserImpact(
            of: change, deployment, serves: known?.stableLoad?.version, isKnown: running.isKnown,
            access: known.map {
                EndpointAccess(
                    url: $0.status.endpoint, settings: $0.settings, before: before,
                    isLocal: deployment.target == .local)
            }, otherPorts: otherPorts, renamedFrom: renamedFrom, movedFrom: movedFrom)
        (users, risks) = (impact.text, impact.risks.sorted { $0.rawValue > $1.rawValue })
    }

    /// Of a deployment that the planned files do not describe.
    ///
    /// - Parameter before: its manifest before; nil where that is not known, or was invalid.
    package init(_ deployment: DeploymentKey, _ departure: Departure, from running: Running, before: ModelDeployment?) {
        self.deployment = deployment
        let known = running.explanation
        let serves = known.map { $0.stableLoad?.version } ?? before?.template.model.version
        runningVersion = serves
        runningRevision = known.map { $0.stableLoad?.revision } ?? before?.template.revision
        version = serves ?? before?.template.model.version ?? ""
        revision = runningRevision ?? before?.template.revision ?? Revision(rawValue: "")
        isRevisionFinal = true
        (settings, settingChanges, warnings) = ([], [], [])
        capacity = "nothing"
        let endpoint = known?.status.endpoint ?? before?.addressInWords
        let impact = UserImpact(
            of: departure, serves: serves, endpoint: endpoint, drain: before?.endpoint.drainTimeout)
        (users, risks) = (impact.text, impact.risks.sorted { $0.rawValue > $1.rawValue })
        let shown = serves.map { "version \($0)" } ?? "it"
        switch departure {
        case .removed: (change, text) = (.removed, "\(shown) is drained and stopped: no file describes it any more")
        case .renamed(let key, _):
            (change, text) = (.removed, "\(shown) is drained and stopped: it is renamed to \(key)")
            renamedTo = key
        case .moved(let project):
            (change, text) = (.removed, "\(shown) is drained and stopped here: project '\(project)' describes it now")
            movedTo = project
        case .kept(let reason, let remedy):
            (change, text) = (.kept, "\(shown) stays as it is: \(reason)")
            warnings = remedy.isEmpty ? [] : [remedy]
        }
    }

    /// The pairs of deployments that the same commit takes away and brings, where one takes the place of the other: their manifests
    /// are in the same file, or ask for the same serving template.
    ///
    /// - Returns: the new name of each one that goes.
    package static func renames(
        gone: [DeploymentKey: (file: String?, template: ServingTemplate?)],
        new: [DeploymentKey: (file: String?, template: ServingTemplate)]
    ) -> [DeploymentKey: DeploymentKey] {
        var free = new
        var renames: [DeploymentKey: DeploymentKey] = [:]
        for isSure in [true, false] {
            for (old, before) in gone.sorted(by: { $0.key < $1.key }) where renames[old] == nil {
                let found = free.sorted { $0.key < $1.key }.first { _, after in
                    let isSameFile = before.file != nil && before.file == after.file
                    let isSameTemplate = before.template == after.template
                    return isSure ? isSameFile && isSameTemplate : isSameFile || isSameTemplate
                }
                guard let key = found?.key else { continue }
                renames[old] = key
                free[key] = nil
            }
        }
        return renames
    }

    /// The controller's answer.
    package enum Running {
        case unknown
        case absent
        case present(DeploymentExplanation)

        package var explanation: DeploymentExplanation? {
            if case .present(let explanation) = self { explanation } else { nil }
        }

        package var isKnown: Bool {
            if case .unknown = self { false } else { true }
        }
    }

    /// A model without a digest keeps the files that it was pinned to, as long as nothing else of its template changes.
    private static func pinned(_ template: ServingTemplate, like known: [RevisionLoad?]) -> ServingTemplate {
        guard template.model.storageURI != nil, template.model.digest == nil else { return template }
        return known.lazy.compactMap { load -> ServingTemplate? in
            guard let load, let digest = load.digest.flatMap({ Digest($0) }) else { return nil }
            let pinned = template.pinned(to: digest)
            return pinned.revision == load.revision ? pinned : nil
        }.first ?? template
    }

    private static func outcome(
        _ deployment: ModelDeployment, _ revision: Revision, _ running: Running, changesSettings: Bool
    ) -> (Change, String) {
        let version = "version \(deployment.template.model.version)"
        switch running {
        case .unknown: return (.unknown, "\(version), not compared because the controller was not asked")
        case .absent: return (.created, "\(version) is deployed for the first time")
        case .present(let known):
            let stable = known.stableLoad
            if known.status.quarantined.contains(where: { $0.revision == revision }) {
                return (
                    .quarantined, "\(version) failed before and is not tried again; change it, or run 'mlctl retry'"
                )
            }
            guard let stable else {
                return beforeStable(deployment, revision, known, changesSettings: changesSettings)
            }
            if stable.revision == revision {
                if known.status.candidate != nil, known.wanted?.revision != revision {
                    return (.revision, "the current rollout ends, and \(version) keeps serving")
                }
                return changesSettings
                    ? (.settings, "\(version) keeps serving, with changed settings")
                    : (.unchanged, "\(version) keeps serving; nothing changes")
            }
            if known.status.candidate?.revision == revision {
                return changesSettings
                    ? (.settings, "\(version) is already rolling out, and continues with changed settings")
                    : (.unchanged, "\(version) is already rolling out; nothing changes")
            }
            let verb = deployment.suspend ? "is suspended; it would replace" : "is rolled out to replace"
            return (.revision, "\(version) \(verb) version \(stable.version)")
        }
    }

    /// Nothing is stable: a first deployment is under way, or has failed, or the controller does not know what serves.
    private static func beforeStable(
        _ deployment: ModelDeployment, _ revision: Revision, _ known: DeploymentExplanation, changesSettings: Bool
    ) -> (Change, String) {
        let version = "version \(deployment.template.model.version)"
        if let candidate = known.status.candidate {
            guard candidate.revision == revision else {
                let serves = candidate.weight > 0 && candidate.ready > 0 ? "serves" : "is being deployed"
                return (.revision, "\(version) replaces version \(candidate.version), which \(serves)")
            }
            return changesSettings
                ? (.settings, "\(version) is already being deployed, and continues with changed settings")
                : (.unchanged, "\(version) is already being deployed; nothing changes")
        }
        guard known.status.condition(.available)?.status != "Unknown" else {
            return (.unknown, "\(version), not compared because what serves is not known: \(known.status.message)")
        }
        return (.created, "\(version) is deployed; nothing serves yet")
    }

    package static func changes(from old: [SettingDescription], to new: [SettingDescription]) -> [String] {
        let before = Dictionary(old.map { ($0.name, $0.text) }) { first, _ in first }
        let after = Set(new.map(\.name))
        let changed = new.compactMap { setting -> String? in
            guard let text = before[setting.name] else { return "\(setting.name): \(setting.text) (new)" }
            return text == setting.text ? nil : "\(setting.name): \(text) → \(setting.text)"
        }
        return changed + old.filter { !after.contains($0.name) }.map { "\($0.name): removed (was \($0.text))" }
    }
}

extension DeploymentPlan.Running {
    /// What is known of a deployment whose manifest served before, where no controller is asked.
    package static func assumed(_ before: ModelDeployment) -> DeploymentPlan.Running {
        let template = before.template
        let load = RevisionLoad(template, replicas: before.replicas)
        return .present(
            DeploymentExplanation(
                status: DeploymentStatus(
                    namespace: before.key.namespace, name: before.key.name, phase: .healthy, since: .distantPast,
                    message: ""),
                settings: before.settingsWords, stableLoad: load,
                wanted: RevisionLoad(template, replicas: before.replicas)))
    }
}

extension ModelDeployment {
    /// Whether requests of both revisions are compared one by one, so that their number says how long a verdict takes.
    package var forecastsVerdicts: Bool {
        guard case .random = endpoint.routing, overlapsRevisions else { return false }
        return rollout.gates.contains(where: \.isComparing)
    }

    /// Where it answers, as far as the manifest says it.
    var addressInWords: String? {
        let text = settingsWords.first { $0.name == "endpoint" }?.text
        return text?.firstRange(of: ", answers within").map { String(text?[..<$0.lowerBound] ?? "") }
    }

    /// What is valid, and may go wrong later: what 'validate' and 'plan' say.
    package var warnings: [String] {
        [unpinnedModel, nothingActs, nothingIsJudged, unjudgedSlices].compactMap(\.self)
    }
}
