/// What git asks for, from all manifest files together: references are resolved and contradictions found.
package struct DesiredState: Sendable {
    /// The valid deployments, which the controller makes true.
    package private(set) var deployments: [DeploymentKey: ModelDeployment] = [:]
    /// The problems, in order of file and place.
    package private(set) var diagnostics: [Diagnostic] = []
    /// The number of further problems of deployments that have one in `diagnostics`.
    package private(set) var leftOut = 0
    /// Deployments that have problems: they keep serving as they are.
    package private(set) var invalid: Set<DeploymentKey> = []

    private var memory: [DeploymentKey: Remembered] = [:]
    /// The ports of this machine that each deployment gets or keeps.
    package private(set) var ports: [DeploymentKey: Set<Int>] = [:]
    private var rules = ProjectRules.open
    /// The document that each deployment was read from.
    private var described: [DeploymentKey: ParsedDeployment] = [:]
    /// The names of the ServingRuntimes in git.
    package private(set) var runtimeNames: Set<String> = []

    /// A resolution with everything that it was made from. It is valid as long as these are the same objects, so reusing it is
    /// cheap.
    private final class Remembered: Sendable {
        let deployment: ParsedDeployment
        let runtime: ParsedRuntime?
        let templates: [ParsedGateTemplate]
        let profiles: [ParsedProfile]
        let resolution: Resolution

        init(_ deployment: ParsedDeployment, _ runtime: ParsedRuntime?, _ catalog: Catalog) {
            let namespace = deployment.key.namespace
            self.deployment = deployment
            self.runtime = runtime
            templates = catalog.templates(of: deployment.written, in: namespace)
            profiles = catalog.profiles(of: deployment.written, in: namespace)
            resolution = deployment.written.resolved(
                runtime: runtime,
                References(
                    templates: Dictionary(templates.map { ($0.key.name, $0) }) { first, _ in first },
                    profiles: Dictionary(profiles.map { ($0.key.name, $0) }) { first, _ in first }))
        }

        func isMade(of deployment: ParsedDeployment, _ runtime: ParsedRuntime?, _ catalog: Catalog) -> Bool {
            let namespace = deployment.key.namespace
            return self.deployment === deployment && self.runtime === runtime
                && templates.elementsEqual(catalog.templates(of: deployment.written, in: namespace), by: ===)
                && profiles.elementsEqual(catalog.profiles(of: deployment.written, in: namespace), by: ===)
        }
    }

    package init() {}

    /// - Parameters:
    ///   - files: every manifest file of one commit. Pass the same parsed file again where the content has not changed.
    ///   - previous: the state before; unchanged resolutions are reused.
    ///   - reserved: ports of this machine that endpoints cannot have.
    ///   - rules: what the project may do.
    package static func resolve(
        files: [ParsedFile], reusing previous: DesiredState? = nil, reserved: ReservedPorts = ReservedPorts(),
        by rules: ProjectRules = .open
    ) -> DesiredState {
        var state = DesiredState()
        state.rules = rules
        let catalog = Catalog(files: files, &state.diagnostics)
        state.diagnostics += files.flatMap { $0.foreignNamespaceProblems(by: rules) }
        state.runtimeNames = Set(files.flatMap { $0.runtimes.map(\.key.name) })
        var described: [DeploymentKey: ParsedDeployment] = [:]
        var repeated: [DeploymentKey: [ParsedDeployment]] = [:]
        described.reserveCapacity(files.count)
        state.deployments.reserveCapacity(files.count)
        for file in files {
            // Where it held deployments, each of them is reported with the reason.
            state.diagnostics +=
                file.held.isEmpty ? file.diagnostics : file.diagnostics.filter { $0 != file.unreadable }
            for deployment in file.deployments {
                if let first = described.updateValue(deployment, forKey: deployment.key) {
                    repeated[deployment.key, default: [first]].append(deployment)
                }
            }
        }
        state.described = described
        for (key, deployment) in described {
            if let all = repeated[key] {
                state.refuseDuplicates(all, called: key)
            } else if deployment.isValid {
                state.add(deployment, called: key, catalog, previous)
            } else {
                state.invalid.insert(key)
                state.reportMissingReferences(of: deployment, in: key.namespace, catalog)
            }
        }
        for file in files {
            for (key, diagnostic) in file.held where described[key] == nil {
                state.invalid.insert(key)
                state.diagnostics.append(diagnostic)
            }
        }
        state.refuseSharedNames(described)
        state.refusePortConflicts(described, previous, reserved)
        state.refuseDependencyCycles(described)
        (state.diagnostics, state.leftOut) = DiagnosticLimit.kept(
            of: state.diagnostics, atMost: DiagnosticLimit.ofProject)
        return state
    }

    private mutating func add(
        _ deployment: ParsedDeployment, called key: DeploymentKey, _ catalog: Catalog, _ previous: DesiredState?
    ) {
        let inGit = deployment.written.runtimeName.flatMap { catalog.runtime($0, in: key.namespace) }
        if inGit == nil, let resolution = deployment.resolvedAlone {
            // A deployment without references has its problems in its file's diagnostics already.
            let preset = deployment.written.runtimeName.flatMap { RuntimePresets.all[$0] }
            take(resolution, of: deployment.written, over: preset, saying: deployment.written.runtimeName != nil)
            return
        }
        let runtime = inGit ?? deployment.written.runtimeName.flatMap { RuntimePresets.all[$0] }
        let problems = catalog.problems(of: deployment.written, in: key.namespace, runtime: runtime)
        guard problems.isEmpty else {
            return take(.refused(problems), of: deployment.written, over: runtime, saying: true)
        }
        let known = previous?.memory[key]
        let remembered: Remembered
        if let known, known.isMade(of: deployment, runtime, catalog) {
            remembered = known
        } else {
            remembered = Remembered(deployment, runtime, catalog)
        }
        memory[key] = remembered
        take(remembered.resolution, of: deployment.written, over: runtime, saying: true)
    }

    /// Reports missing references of an invalid deployment too, so that all errors of a file are reported at once.
    private mutating func reportMissingReferences(
        of deployment: ParsedDeployment, in namespace: String, _ catalog: Catalog
    ) {
        let name = deployment.written.runtimeName
        let runtime = name.flatMap { catalog.runtime($0, in: namespace) ?? RuntimePresets.all[$0] }
        diagnostics += catalog.problems(of: deployment.written, in: namespace, runtime: runtime)
    }

    private mutating func take(
        _ resolution: Resolution, of written: UnresolvedDeployment, over base: ParsedRuntime?, saying: Bool
    ) {
        let key = written.key
        switch resolution {
        case .resolved(let deployment):
            let violations = PolicyCheck.violations(
                of: deployment, by: rules, origin: RuntimeOrigin(written, over: base))
            guard !violations.isEmpty else { return deployments[key] = rules.bounding(deployment) }
            invalid.insert(key)
            diagnostics += violations.map { written.diagnostic(of: $0, project: rules.project, over: base) }
        case .refused(let problems):
            invalid.insert(key)
            if saying { diagnostics += problems }
        }
    }

    /// How many other places a message about a repeated deployment names.
    private static let shownPlaces = 3
    /// How many times a repeated deployment is reported.
    private static let saidDoubles = 20

    private mutating func refuseDuplicates(_ found: [ParsedDeployment], called key: DeploymentKey) {
        invalid.insert(key)
        let shown = found.map(\.written.place.description).sorted().prefix(Self.shownPlaces + 1)
        for deployment in found.sorted(by: { $0.written.place < $1.written.place }).prefix(Self.saidDoubles) {
            let others = shown.filter { $0 != deployment.written.place.description }.prefix(Self.shownPlaces)
            let more = found.count - 1 - others.count
            diagnostics.append(
                Diagnostic(
                    file: deployment.written.place.file, line: deployment.written.place.line, column: 1,
                    path: "metadata.name",
                    message: "\(key) is also described by \(others.joined(separator: ", "))"
                        + (more > 0 ? " and \(more) more" : ""),
                    suggestion: "keep one of them, or rename one", deployment: key))
        }
    }

    /// Refuses deployments that wait for each other, because they would wait forever.
    private mutating func refuseDependencyCycles(_ described: [DeploymentKey: ParsedDeployment]) {
        for (key, deployment) in deployments where !deployment.dependsOn.isEmpty {
            guard let circle = DependencyCycle.through(key, in: deployments), let own = described[key]?.written.place
            else { continue }
            diagnostics.append(
                Diagnostic(
                    file: own.file, line: own.line, column: 1, path: "spec.dependsOn",
                    message: "depends on itself: \(circle.map(\.description).joined(separator: " → "))",
                    suggestion: "remove one of them from dependsOn", deployment: key))
            invalid.insert(key)
        }
        for key in invalid { deployments[key] = nil }
    }

    /// In a cluster, refuses a name that objects of another deployment may have.
    private mutating func refuseSharedNames(_ described: [DeploymentKey: ParsedDeployment]) {
        let owners = RevisionNames.Owners(described.values.filter(\.written.isInCluster).map(\.key))
        for (key, deployment) in described where deployment.written.isInCluster && !invalid.contains(key) {
            guard let owner = owners.owner(ofObjectNamed: key) else { continue }
            let place = deployment.written.namePlace
            diagnostics.append(
                Diagnostic(
                    file: deployment.written.place.file, line: place.line, column: place.column, path: "metadata.name",
                    message: "'\(key.name)' is a name that objects of a revision of \(owner) can have",
                    suggestion: "choose a name that does not end like a revision", deployment: key))
            deployments[key] = nil
            invalid.insert(key)
        }
    }

    /// Gives each port of this machine to one deployment, for endpoints and previews.
    private mutating func refusePortConflicts(
        _ described: [DeploymentKey: ParsedDeployment], _ previous: DesiredState?, _ reserved: ReservedPorts
    ) {
        var held = previous?.ports ?? [:]
        for (port, key) in reserved.holders { held[key, default: []].insert(port) }
        var claims: [DeploymentKey: [RequestedPort]] = [:]
        for (key, deployment) in described where !deployment.written.wantedPorts.isEmpty && !invalid.contains(key) {
            claims[key] = deployment.written.wantedPorts
        }
        let assignment = PortAssignment(claims: claims, held: held, holding: invalid, reserved: reserved) { key in
            described[key]?.written.place.description ?? ""
        }
        for refusal in assignment.refusals {
            guard let file = described[refusal.deployment]?.written.place.file else { continue }
            let place = refusal.claim.place
            diagnostics.append(
                Diagnostic(
                    file: file, line: place.line, column: place.column, path: refusal.claim.path,
                    message: refusal.message, suggestion: refusal.suggestion, deployment: refusal.deployment))
            deployments[refusal.deployment] = nil
            invalid.insert(refusal.deployment)
        }
        for (key, own) in claims where !invalid.contains(key) { ports[key] = Set(own.map(\.port)) }
        // A deployment that keeps serving as it is keeps its ports.
        for key in invalid { ports[key] = held[key] }
    }
}

extension DesiredState {
    /// The same state, checked against the project's limits as if nothing ran yet.
    package func withinLimits(of rules: ProjectRules) -> DesiredState {
        let claims = deployments.values.map { deployment in
            var demand =
                ProjectDemand(replicas: deployment.replicas, of: deployment.template, at: deployment.target)
                + deployment.checkDemand
            demand.deployments = 1
            return ProjectQuota.Claim(deployment: deployment.key, inUse: ProjectDemand(), wanted: demand)
        }
        var limited = self
        for (key, excess) in ProjectQuota(claims, within: rules.limits).refusals {
            guard let place = place(of: key, "spec") else { continue }
            limited.deployments[key] = nil
            limited.invalid.insert(key)
            limited.diagnostics.append(
                Diagnostic(
                    file: place.file, line: place.line, column: place.column, path: "spec",
                    message: ProjectRules.noRoom(in: rules.project, for: excess), suggestion: rules.limitAdvice,
                    deployment: key))
        }
        limited.diagnostics.sort()
        return limited
    }

    /// The deployments that some file describes, valid or not.
    package var describedKeys: some Collection<DeploymentKey> { described.keys }

    /// The file that describes a deployment; nil where none does.
    package func file(of key: DeploymentKey) -> String? { described[key]?.written.place.file }

    /// The place of a deployment's field, or of the deployment; nil where no file describes it.
    package func place(of key: DeploymentKey, _ path: String) -> Diagnostic? {
        described[key].map(\.written).map { written in
            let claim = written.wantedPorts.first { $0.path == path }
            let place = claim?.place ?? written.namePlace
            return Diagnostic(file: written.place.file, line: place.line, column: place.column, path: path, message: "")
        }
    }
}
