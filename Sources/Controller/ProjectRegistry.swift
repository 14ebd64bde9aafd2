import ControlPorts
import Foundation
import ModelManifests

/// What git wants of each deployment, merged from all projects of a controller.
///
/// A deployment belongs to one project: to the one named in its record, or else to the first project that wants it. It keeps this
/// owner as long as it is wanted or serves. Another project that wants the same name, or the same port of this machine, gets an
/// error that names the owner.
package struct ProjectRegistry {
    package typealias Wish = ManifestLedger.Wish

    /// What is known about one project.
    private struct Chapter {
        var ledger = ManifestLedger()
        /// Deployments that the project wants but cannot have, for a reason outside its own manifests.
        var refusals: [DeploymentKey: Diagnostic] = [:]
        var diagnostics: [DeploymentKey: [Diagnostic]] = [:]
        /// Refused deployments without a record, if there are too many to report each one. Only their number is reported.
        var leftOut: Set<DeploymentKey> = []
        /// The resources that all its deployments use now.
        var inUse = ProjectDemand()
    }

    /// Of the one project of a controller without a settings file: more than anybody commits on purpose.
    static let mostDeployments = 20_000
    private let mostDeployments: Int

    /// The names of all projects, in the order of the settings.
    package let names: [String]
    private let rules: [String: ProjectRules]
    private var chapters: [String: Chapter] = [:]
    /// The owners of deployments that some project wants.
    private var owners: [DeploymentKey: String] = [:]
    /// The project named in the record of a deployment.
    private var records: [DeploymentKey: String] = [:]
    /// Where the manifests were that the records say.
    private var recordedManifests: [DeploymentKey: RecordedManifest] = [:]
    /// What each project reads, for the records; nothing where that is not known.
    private let sources: [String: (repo: String, reference: String)]
    /// Deployments whose record says that nothing was ever deployed: nothing is lost with them.
    private var untouched: Set<DeploymentKey> = []
    /// Ports of this machine that are assigned.
    private var ports: [Int: DeploymentKey] = [:]

    /// - Parameters:
    ///   - projects: with what each may have, in the order of the settings.
    ///   - sources: the repository and reference of each project, as far as they are to be in records.
    package init(
        _ projects: [ProjectRules] = [.open], sources: [String: (repo: String, reference: String)] = [:],
        mostDeployments: Int = Self.mostDeployments
    ) {
        self.sources = sources
        self.mostDeployments = mostDeployments
        names = projects.map(\.project)
        rules = Dictionary(projects.map { ($0.project, $0) }) { first, _ in first }
        for project in projects { chapters[project.project] = Chapter() }
    }

    // MARK: Asking

    package func ledger(of project: String) -> ManifestLedger { chapters[project]?.ledger ?? ManifestLedger() }

    /// The owner of a deployment; nil if its project is not in the settings any more.
    package func owner(of key: DeploymentKey) -> String? {
        if let recorded = records[key], chapters[recorded] != nil { return recorded }
        return owners[key]
    }

    package func wish(for key: DeploymentKey) -> Wish {
        guard let owner = owner(of: key), let chapter = chapters[owner] else {
            // No project wants it. As long as some project was not read yet, or is missing in the settings, that is not certain.
            return records[key] == nil && chapters.values.allSatisfy { !$0.ledger.commit.isEmpty } ? .removed : .held
        }
        guard case .manifest(var deployment) = chapter.ledger.wish(for: key) else {
            return chapter.ledger.wish(for: key)
        }
        guard chapter.refusals[key] == nil else { return .held }
        deployment.project = owner == Project.defaultName ? nil : owner
        if let source = sources[owner], let file = chapter.ledger.file(of: key) {
            deployment.origin = ManifestOrigin(repo: source.repo, reference: source.reference, file: file)
        }
        return .manifest(deployment)
    }

    /// The commit that the wish comes from; empty if none was read.
    package func commit(for key: DeploymentKey) -> String {
        owner(of: key).flatMap { chapters[$0]?.ledger.commit } ?? ""
    }

    /// The place of a deployment's field in git, as `file:line`; nil if that is not known.
    func place(of key: DeploymentKey, _ path: String) -> String? {
        owner(of: key).flatMap { chapters[$0]?.ledger.place(of: key, path) }.map { "\($0.file):\($0.line)" }
    }

    /// How many refused deployments without instances are reported individually per project, so that a commit with a hundred
    /// thousand refused deployments costs the others neither memory nor time.
    static let refusalsLimit = 200

    /// All that a project speaks of, valid or not, but for what was left out.
    package private(set) var keys: Set<DeploymentKey> = []

    /// Whether a deployment is one of many refused ones, of which only the number is reported.
    package func isLeftOut(_ key: DeploymentKey) -> Bool {
        owner(of: key).flatMap { chapters[$0] }?.leftOut.contains(key) ?? false
    }

    /// The number of refused deployments that are not reported individually.
    package func leftOut(ofProject project: String) -> Int { chapters[project]?.leftOut.count ?? 0 }

    /// The problems of a deployment, reported by its own project.
    package func diagnostics(of key: DeploymentKey) -> [Diagnostic] {
        guard let chapter = owner(of: key).flatMap({ chapters[$0] }) else { return [] }
        return (chapter.refusals[key].map { [$0] } ?? []) + (chapter.diagnostics[key] ?? [])
            + (chapter.ledger.absences[key].map { [$0.diagnostic] } ?? [])
    }

    /// Why a deployment is kept that is not in git any more; nil if it is in git, or is being removed.
    package func absence(of key: DeploymentKey) -> ManifestAbsence? {
        owner(of: key).flatMap { chapters[$0]?.ledger.absences[key] }
    }

    /// All problems of a project.
    package func diagnostics(ofProject project: String) -> [Diagnostic] {
        guard let chapter = chapters[project] else { return [] }
        let all = chapter.ledger.diagnostics + chapter.refusals.values
        guard !chapter.leftOut.isEmpty else { return all.sorted() }
        return all.filter { $0.deployment.map { !chapter.leftOut.contains($0) } ?? true }.sorted()
    }

    /// How much of each limit a project uses; empty if it has no limits.
    package func usage(ofProject project: String) -> [LimitUsage] {
        guard let rules = rules[project], let chapter = chapters[project] else { return [] }
        return LimitUsage.all(of: rules.policy.limits, in: chapter.inUse)
    }

    /// Whether git asks for exactly this command. A command from a record is never run, because someone else may have written the
    /// record.
    func containsCheck(_ check: CheckGate, of key: DeploymentKey) -> Bool {
        owner(of: key).flatMap { chapters[$0]?.ledger.checks[key] }?.contains(check) ?? false
    }

    /// Deployments of the project whose model files can change without a commit.
    func mutableModels(ofProject project: String) -> Set<DeploymentKey> {
        guard let ledger = chapters[project]?.ledger else { return [] }
        return ledger.mutableModels.filter { owner(of: $0) == project }
    }

    func dependents(of key: DeploymentKey) -> [DeploymentKey] {
        names.flatMap { chapters[$0]?.ledger.dependents[key] ?? [] }
    }

    /// Deployments of the project that have a record and were deployed. In doubt they are held; others are just forgotten.
    func known(to project: String) -> Set<DeploymentKey> {
        Set(records.keys.filter { owner(of: $0) == project && !untouched.contains($0) })
    }

    /// The same, with what their records say of their manifests.
    func recordedManifests(of project: String) -> [DeploymentKey: RecordedManifest] {
        known(to: project).reduce(into: [:]) {
            $0[$1] = recordedManifests[$1] ?? RecordedManifest(commit: "", origin: nil)
        }
    }

    /// Whether some project speaks of it, or its record says whose it is.
    func isMentioned(_ key: DeploymentKey) -> Bool { owner(of: key) != nil || records[key] != nil }

    /// Why nothing is done about a record whose project is not in the settings and that no project wants.
    package func orphanReason(of key: DeploymentKey) -> String? {
        guard owner(of: key) == nil, let project = records[key] else { return nil }
        return
            "it belongs to project '\(project)', which is not in the controller's settings: it stays as it is. Add the "
            + "project again, or commit the deployment to another project"
    }

    // MARK: Taking in

    /// Takes over what a project's repository says now.
    ///
    /// - Parameters:
    ///   - holders: the deployment at each port of this machine.
    ///   - inUse: the resources that a deployment uses now.
    ///   - wanted: the most that it will use until its manifest is carried out.
    /// - Returns: deployments whose wish may have changed.
    package mutating func absorb(
        _ ledger: ManifestLedger, of project: String, changed: Set<DeploymentKey>,
        holders: [Int: DeploymentKey] = [:], inUse: (DeploymentKey) -> ProjectDemand = { _ in ProjectDemand() },
        wanted: (ModelDeployment) -> ProjectDemand = { _ in ProjectDemand() }
    ) -> Set<DeploymentKey> {
        let before = chapters[project]?.ledger.keys ?? []
        let refusedBefore = Set((chapters[project]?.refusals ?? [:]).keys)
        chapters[project]?.ledger = ledger
        chapters[project]?.diagnostics = Dictionary(
            grouping: ledger.diagnostics.filter { $0.deployment != nil }
        ) { $0.deployment ?? DeploymentKey(name: "") }
        var moved: Set<DeploymentKey> = []
        // Whose the others are hangs on nothing that is new.
        let unsettled = before.symmetricDifference(ledger.keys)
        for key in unsettled where updateOwner(of: key) { moved.insert(key) }
        var refusals = nameConflicts(ledger, project)
        refusals.merge(portConflicts(ledger, project, refusals, holders)) { first, _ in first }
        refusals.merge(quotaRefusals(ledger, project, refusals, inUse, wanted)) { first, _ in first }
        chapters[project]?.refusals = refusals
        // Deployments of other projects are reported as refused, and are counted there.
        let unknown = ledger.keys.filter { key in
            (refusals[key] != nil || ledger.wish(for: key) == .held) && records[key] == nil && owner(of: key) == project
        }
        let leftOut =
            unknown.count > Self.refusalsLimit ? Set(unknown.sorted().dropFirst(Self.refusalsLimit)) : []
        let shown = (chapters[project]?.leftOut ?? []).subtracting(leftOut)
        chapters[project]?.leftOut = leftOut
        noteKeys(unsettled.union(leftOut).union(shown))
        let refused = refusedBefore.symmetricDifference(refusals.keys)
        return changed.filter { owner(of: $0) == project || owner(of: $0) == nil }.union(moved).union(
            refused.filter { owner(of: $0) == project }
        ).union(shown)
    }

    /// Adds deployments whose records were found after the commits were read.
    ///
    /// - Returns: why some are held, and what to do, by project.
    mutating func meet(_ found: Set<DeploymentKey>, allowsEmpty: (String) -> Bool) -> [String: String] {
        var warnings: [String: String] = [:]
        for project in names {
            let own = found.filter { owner(of: $0) == project && !untouched.contains($0) }
            guard !own.isEmpty else { continue }
            warnings[project] = chapters[project]?.ledger.meet(own, allowsEmpty: allowsEmpty(project))
            for key in own { _ = updateOwner(of: key) }
            noteKeys(own)
        }
        return warnings
    }

    /// - Parameters:
    ///   - project: the project named in the record; nil if there is no record.
    ///   - isUntouched: nothing was ever deployed.
    ///   - manifest: where its manifest was.
    package mutating func note(
        recordOf key: DeploymentKey, project: String?, isUntouched: Bool = false, manifest: RecordedManifest? = nil
    ) {
        records[key] = project
        recordedManifests[key] = manifest
        if isUntouched { untouched.insert(key) } else { untouched.remove(key) }
    }

    mutating func forgetRecords() { (records, untouched, recordedManifests) = ([:], [], [:]) }

    /// Called when nothing of a deployment serves any more and its project does not want it.
    ///
    /// If another project wants it, that project gets it now, if its limits and ports allow it.
    ///
    /// - Returns: deployments whose wish may have changed; none if no other project wants it.
    mutating func release(
        _ key: DeploymentKey, holders: [Int: DeploymentKey], inUse: (DeploymentKey) -> ProjectDemand,
        wanted: (ModelDeployment) -> ProjectDemand
    ) -> Set<DeploymentKey> {
        let before = owner(of: key)
        records[key] = nil
        recordedManifests[key] = nil
        untouched.remove(key)
        _ = updateOwner(of: key)
        noteKeys([key])
        guard let owner = owners[key], owner != before, let ledger = chapters[owner]?.ledger else { return [] }
        // The limits and ports of the new owner were not checked while the deployment belonged to another project.
        return absorb(ledger, of: owner, changed: [key], holders: holders, inUse: inUse, wanted: wanted)
    }

    /// Which of these are spoken of now.
    private mutating func noteKeys(_ changed: Set<DeploymentKey>) {
        let leftOut = chapters.values.map(\.leftOut).filter { !$0.isEmpty }
        for key in changed {
            let isSpokenOf = owners[key] != nil && !leftOut.contains { $0.contains(key) }
            if isSpokenOf { keys.insert(key) } else { keys.remove(key) }
        }
    }

    // MARK: Who gets what

    /// - Returns: whether the owner has changed.
    private mutating func updateOwner(of key: DeploymentKey) -> Bool {
        let before = owner(of: key)
        if let owner = owners[key], !wants(key, owner) { owners[key] = nil }
        if owners[key] == nil {
            // The project named in the record comes first, whoever else wants the deployment.
            let recorded = records[key].flatMap { project in names.first { $0 == project && wants(key, $0) } }
            owners[key] = recorded ?? names.first { wants(key, $0) }
        }
        return owner(of: key) != before
    }

    private func wants(_ key: DeploymentKey, _ project: String) -> Bool {
        chapters[project]?.ledger.wants(key) ?? false
    }

    private func refusal(
        _ key: DeploymentKey, _ ledger: ManifestLedger, path: String, _ message: String, _ suggestion: String?
    ) -> Diagnostic {
        let place = ledger.place(of: key, path)
        return Diagnostic(
            file: place?.file ?? "", line: place?.line ?? 0, column: place?.column ?? 0, path: path, message: message,
            suggestion: suggestion, deployment: key)
    }

    private func nameConflicts(_ ledger: ManifestLedger, _ project: String) -> [DeploymentKey: Diagnostic] {
        guard names.count > 1 || !records.isEmpty else { return [:] }
        var refusals: [DeploymentKey: Diagnostic] = [:]
        for key in ledger.keys {
            guard let owner = owner(of: key), owner != project else { continue }
            refusals[key] = refusal(
                key, ledger, path: "metadata.name", "\(key) belongs to project '\(owner)', which had it first",
                "choose another name or namespace, or remove it there")
        }
        return refusals
    }

    private mutating func portConflicts(
        _ ledger: ManifestLedger, _ project: String, _ refused: [DeploymentKey: Diagnostic],
        _ holders: [Int: DeploymentKey]
    ) -> [DeploymentKey: Diagnostic] {
        ports = ports.filter { owner(of: $0.value) != project && owner(of: $0.value) != nil }
        var refusals: [DeploymentKey: Diagnostic] = [:]
        for (key, wanted) in ledger.ports.sorted(by: { $0.key < $1.key }) where refused[key] == nil {
            guard owner(of: key) == project else { continue }
            for port in wanted.sorted() {
                let holder = [ports[port], holders[port]].compactMap(\.self).first { other in
                    self.owner(of: other).map { $0 != project } ?? false
                }
                if let holder {
                    refusals[key] = refusal(
                        key, ledger, path: "spec.endpoint.port",
                        "port \(port) belongs to \(holder) of project '\(self.owner(of: holder) ?? "")'",
                        "choose another port, or leave it out to have one chosen")
                } else {
                    ports[port] = key
                }
            }
        }
        return refusals
    }

    private mutating func quotaRefusals(
        _ ledger: ManifestLedger, _ project: String, _ refused: [DeploymentKey: Diagnostic],
        _ inUse: (DeploymentKey) -> ProjectDemand, _ wanted: (ModelDeployment) -> ProjectDemand
    ) -> [DeploymentKey: Diagnostic] {
        guard let rules = rules[project] else { return [:] }
        var limits = rules.limits
        limits.deployments = limits.deployments ?? mostDeployments
        // Where there is no limit but the number of deployments, most have room.
        guard !rules.policy.limits.isEmpty || ledger.keys.count > limits.deployments ?? 0 else { return [:] }
        let keys = ledger.keys.union(known(to: project)).filter { owner(of: $0) == project }
        let claims = keys.map { key in
            var demand: ProjectDemand?
            if refused[key] == nil, case .manifest(let deployment) = ledger.wish(for: key) {
                demand = wanted(deployment)
            }
            return ProjectQuota.Claim(deployment: key, inUse: inUse(key), wanted: demand)
        }
        let quota = ProjectQuota(claims, within: limits)
        chapters[project]?.inUse = quota.inUse
        return quota.refusals.reduce(into: [:]) { refusals, entry in
            refusals[entry.key] = refusal(
                entry.key, ledger, path: "spec",
                ProjectRules.noRoom(in: project, for: entry.value),
                "\(rules.limitAdvice); mlctl checks again at every check of git")
        }
    }
}

extension LimitUsage {
    static func all(of limits: ProjectLimits, in demand: ProjectDemand) -> [LimitUsage] {
        var all: [LimitUsage] = []
        func add(_ name: String, _ used: Double, _ limit: Double?) {
            if let limit { all.append(LimitUsage(name: name, used: used, limit: limit)) }
        }
        add("deployments", Double(demand.deployments), limits.deployments.map(Double.init))
        add("replicas", Double(demand.replicas), limits.replicas.map(Double.init))
        add(
            "cpu", Double(demand.cpuMillicores) / 1000, limits.resources.cpuMillicores.map { Double($0) / 1000 })
        add("memory", Double(demand.memoryBytes), limits.resources.memoryBytes.map(Double.init))
        for (name, limit) in limits.resources.extended.sorted(by: { $0.key < $1.key }) {
            add(name, Double(demand.extended[name] ?? 0), Double(limit))
        }
        return all
    }
}
