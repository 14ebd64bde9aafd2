/// Rules of one policy that contradict each other.
enum PolicyContradictions {
    @Sendable static func check(_ policy: inout ProjectPolicy, _ node: SourceNode, _ reading: inout DocumentReading) {
        // A target with an error is not among them: what it was meant to be is not known.
        let targets = reading.pathText + ".targets"
        let isKnown = !reading.diagnostics.contains { $0.path.hasPrefix(targets) }
        let kinds = isKnown ? policy.targets.map { Set($0.map(\.kind)) } : nil
        if let kinds, !kinds.isEmpty, !kinds.contains(.local), given("endpointPorts", node) {
            reading.report(
                "is about this machine, but 'targets' does not include it, so no deployment could use a port",
                field: "endpointPorts", of: node, suggestion: "leave it out, or add {kind: local} to targets")
        }
        if let kinds, !kinds.isEmpty, !kinds.contains(.local) {
            for field in ["endpointAddresses", "endpointFiles"] where given(field, node) {
                reading.report(
                    "is about this machine, but 'targets' does not include it", field: field, of: node,
                    suggestion: "leave it out, or add {kind: local} to targets")
            }
        }
        if let kinds, !kinds.isEmpty, !kinds.contains(.kubernetes) {
            for field in ["serviceAccounts", "podSecurity"] where given(field, node) {
                reading.report(
                    "is about clusters, but 'targets' does not include any", field: field, of: node,
                    suggestion: "leave it out, or add {kind: kubernetes} to targets")
            }
        }
        checkSources(policy, kinds, node, &reading)
        if let ranges = policy.endpointPorts, !ranges.isEmpty {
            let reserved = ReservedPorts()
            let isFree = ranges.contains { range in range.contains { reserved.problem(with: $0) == nil } }
            if !isFree, let problem = ranges.first.flatMap({ reserved.problem(with: $0.lowerBound) }) {
                reading.report(
                    "contains no port that an endpoint can have: \(problem)", field: "endpointPorts", of: node,
                    suggestion: "such as 9000-9099")
            }
        }
        if case .deny = policy.commands, let runtimes = policy.runtimes, !runtimes.isEmpty,
            kinds == [.local], !runtimes.contains(where: { RuntimePresets.texts[$0] != nil })
        {
            reading.report(
                "denies every command, but 'runtimes' names no preset: a ServingRuntime on this machine is a command, so "
                    + "nothing could run", field: "commands", of: node,
                suggestion: "list the programs instead, such as [/usr/bin/python3]")
        }
        for field in [
            "namespaces", "runtimes", "secrets", "serviceAccounts", "modelSources", "endpointAddresses",
            "endpointFiles",
        ] {
            checkDuplicateEntries(field, node, &reading)
        }
        checkSpelling(of: policy.runtimes ?? [], node, &reading)
    }

    private static func given(_ field: String, _ node: SourceNode) -> Bool { node[field].map { !$0.isNull } ?? false }

    private static func checkSources(
        _ policy: ProjectPolicy, _ kinds: Set<TargetRule.Kind>?, _ node: SourceNode, _ reading: inout DocumentReading
    ) {
        guard let roots = policy.modelSources, !roots.isEmpty else { return }
        for (index, root) in roots.enumerated() where roots.count == (node["modelSources"]?.count ?? 0) {
            guard let problem = StorageURI.problem(withScheme: root.scheme) else { continue }
            reading.enter(.field("modelSources"))
            reading.enter(.index(index))
            reading.report(
                problem.message, at: node["modelSources"]?.place ?? node.place, suggestion: problem.suggestion)
            reading.leave()
            reading.leave()
        }
        if kinds == [.kubernetes], roots.allSatisfy({ $0.scheme == "file" }) {
            reading.report(
                "contains only folders of this machine, but 'targets' does not include it", field: "modelSources",
                of: node,
                suggestion: "add sources that clusters can read: s3://, gs://, oci://, pvc:// or https://")
        }
    }

    private static func checkDuplicateEntries(_ field: String, _ node: SourceNode, _ reading: inout DocumentReading) {
        guard case .sequence(let items)? = node[field]?.content else { return }
        var seen: Set<String> = []
        for item in items {
            guard let text = item.text, !seen.insert(text).inserted else { continue }
            reading.enter(.field(field))
            reading.report("'\(text.shortened)' is given twice", at: item.place, suggestion: "keep one of them")
            reading.leave()
        }
    }

    /// Reports a name that differs from a preset's by a typing error: nobody would give such a name to a ServingRuntime.
    private static func checkSpelling(of runtimes: [String], _ node: SourceNode, _ reading: inout DocumentReading) {
        guard case .sequence(let items)? = node["runtimes"]?.content else { return }
        let slips = 2
        let presets = RuntimePresets.texts.keys.sorted()
        for item in items {
            guard let name = item.text, !presets.contains(name), name.utf8.count <= 63,
                let meant = presets.first(where: {
                    !name.hasPrefix($0) && !name.hasSuffix($0)
                        && DidYouMean.editDistance(Array(name.utf8), Array($0.utf8)) <= slips
                })
            else { continue }
            reading.enter(.field("runtimes"))
            reading.report(
                "unknown runtime '\(name.shortened)'", at: item.place, suggestion: "did you mean '\(meant)'?")
            reading.leave()
        }
    }
}

extension SourceNode {
    /// The number of a list's entries; nil where it is not a list.
    fileprivate var count: Int? { if case .sequence(let items) = content { items.count } else { nil } }
}
