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

    /// - Parameters:
    ///   - running: what the controller knows about the deployment.
    ///   - previewAddress: the address in a cluster at which the candidate of this revision can be tried; nil for none.
    package init(
        _ deployment: ModelDeployment, against running: Running,
        previewAddress: (Revision) -> String? = { _ in nil }
    ) {
        self.deployment = deployment.key
        version = deployment.template.model.version
        settings = deployment.settingsWords
        promise = GuaranteeDescription(deployment.rollout, slices: deployment.endpoint.slices)
        let known = running.explanation
        let template = Self.pinned(deployment.template, like: known?.wanted)
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

    /// Model files that can change without a commit are assumed to be as the controller last saw them.
    private static func pinned(_ template: ServingTemplate, like wanted: RevisionLoad?) -> ServingTemplate {
        guard template.model.storageURI != nil, template.model.digest == nil,
            let wanted, let digest = wanted.digest.flatMap({ Digest($0) })
        else { return template }
        let pinned = template.pinned(to: digest)
        return pinned.revision == wanted.revision ? pinned : template
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
            guard let stable else { return (.created, "\(version) is deployed; nothing serves yet") }
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

extension ModelDeployment {
    /// What is valid, and may go wrong later: what 'validate' and 'plan' say.
    package var warnings: [String] {
        [unpinnedModel, nothingActs, nothingIsJudged, unjudgedSlices].compactMap(\.self)
    }
}

/// Resources in words.
package enum CapacityText {
    /// - Parameters:
    ///   - stable: the revision that serves now; it stays loaded while a new revision is evaluated.
    ///   - starts: whether a new revision is loaded.
    ///   - knowsStable: false where the controller was not asked, so a revision may serve.
    package static func most(
        of deployment: ModelDeployment, beside stable: RevisionLoad?, starts: Bool, knowsStable: Bool
    ) -> String {
        let own = deployment.template.resources
        let replicas = deployment.replicas
        guard starts else { return text(instances: replicas, of: [(replicas, own)]) }
        guard deployment.overlapsRevisions else {
            return text(instances: replicas, of: [(replicas, own)]) + "; the old revision stops first"
        }
        if let stable {
            return text(instances: replicas * 2, of: [(replicas, own), (replicas, stable.resources)])
                + " while both revisions are loaded"
        }
        if knowsStable { return text(instances: replicas, of: [(replicas, own)]) }
        return text(instances: replicas, of: [(replicas, own)]) + ", plus the revision that serves now"
    }

    private static func text(instances: Int, of loads: [(replicas: Int, resources: Resources)]) -> String {
        var parts: [String] = []
        let cpu = loads.compactMap { load in load.resources.cpuLimitMillicores.map { $0 * load.replicas } }
        if !cpu.isEmpty { parts.append("\(decimal(Double(cpu.reduce(0, +)) / 1000)) CPU") }
        let memory = loads.compactMap { load in load.resources.memoryLimitBytes.map { $0 * Int64(load.replicas) } }
        if !memory.isEmpty { parts.append("\(decimal(Double(memory.reduce(0, +)) / 1_073_741_824)) GiB of memory") }
        for name in Set(loads.flatMap { $0.resources.extended.keys }).sorted() {
            parts.append("\(loads.reduce(0) { $0 + ($1.resources.extended[name] ?? 0) * $1.replicas }) \(name)")
        }
        let isPartial = parts.isEmpty ? " (without resource limits)" : ": \(parts.joined(separator: ", "))"
        return "\(instances) \(instances == 1 ? "instance" : "instances")\(isPartial)"
    }

    /// At most two digits after the point; trailing zeros are left out.
    private static func decimal(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
