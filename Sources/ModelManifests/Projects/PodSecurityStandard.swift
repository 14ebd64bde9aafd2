/// Checks a pod template against the level of the Pod Security Standards that its runtime declares.
///
/// The template is merged over a pod that meets the level, so only what the template adds, or removes with null, can violate
/// it. A container that mlctl does not write has only what the template gives it.
///
/// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (v1.34).
struct PodSecurityStandard {
    private let level: PodSettings.Security

    /// - Parameter template: `{metadata, spec}` as written.
    static func check(
        _ template: SourceNode, at level: PodSettings.Security, _ reading: inout DocumentReading
    ) {
        guard level != .privileged else { return }
        let standard = PodSecurityStandard(level: level)
        reading.inside("metadata", of: template) { metadata, reading in
            reading.inside("annotations", of: metadata) { standard.checkAnnotations($0, &$1) }
        }
        reading.inside("spec", of: template) { standard.checkPod($0, &$1) }
    }

    private var isRestricted: Bool { level == .restricted }

    private func refuse(_ what: String, _ field: String, of node: SourceNode, _ reading: inout DocumentReading) {
        reading.report(
            "\(what), which the Pod Security Standard '\(level.rawValue)' forbids", field: field, of: node,
            suggestion: "leave it out, or set another level in runtime.podSecurity if your project allows it")
    }

    // MARK: The pod

    private func checkPod(_ spec: SourceNode, _ reading: inout DocumentReading) {
        for field in ["hostNetwork", "hostPID", "hostIPC"] where isSet(spec[field]) {
            refuse("shares a namespace of the node", field, of: spec, &reading)
        }
        if isRestricted, takesAway("securityContext", of: spec) {
            refuse("removes the pod's security context", "securityContext", of: spec, &reading)
        }
        reading.inside("securityContext", of: spec) { context, reading in
            checkContext(context, &reading)
            reading.inside("sysctls", of: context) { checkSysctls($0, &$1) }
        }
        reading.inside("volumes", of: spec) { volumes, reading in
            each(of: volumes, &reading) { volume, reading in checkVolume(volume, &reading) }
        }
        for (list, own) in [
            ("containers", PodTemplateRules.ownContainers), ("initContainers", PodTemplateRules.ownInitContainers),
            ("ephemeralContainers", []),
        ] {
            reading.inside(list, of: spec) { containers, reading in
                each(of: containers, &reading) { container, reading in
                    let name = container["name"]?.text ?? ""
                    // Only the server's container always exists: another one that has an image may be the template's own.
                    let isOwn = own.contains(name) && (name == Self.server || isMissing(container["image"]))
                    checkContainer(container, isOwn: isOwn, &reading)
                }
            }
        }
    }

    /// Checks the fields that the security contexts of pods and of containers share.
    private func checkContext(_ context: SourceNode, _ reading: inout DocumentReading) {
        if isRestricted {
            if context.entry("runAsNonRoot") != nil, PlainScalar.bool(context["runAsNonRoot"]) != true {
                refuse("may run as root", "runAsNonRoot", of: context, &reading)
            }
            if let user = context["runAsUser"], PlainScalar.integer(user) == 0 {
                refuse("runs as root", "runAsUser", of: context, &reading)
            }
        }
        checkProfile("seccompProfile", context, needed: isRestricted, &reading)
        checkProfile("appArmorProfile", context, needed: false, &reading)
        reading.inside("seLinuxOptions", of: context) { options, reading in
            if let type = options["type"]?.text, !Self.seLinuxTypes.contains(type) {
                refuse("'\(type.shortened)' is not an SELinux type for containers", "type", of: options, &reading)
            }
            for field in ["user", "role"] where options[field]?.text?.isEmpty == false {
                refuse("sets an SELinux \(field)", field, of: options, &reading)
            }
        }
        reading.inside("windowsOptions", of: context) { options, reading in
            if isSet(options["hostProcess"]) {
                refuse("runs as a process of the node", "hostProcess", of: options, &reading)
            }
        }
    }

    private func checkProfile(
        _ field: String, _ context: SourceNode, needed: Bool, _ reading: inout DocumentReading
    ) {
        if needed, takesAway(field, of: context) {
            return refuse("removes the profile", field, of: context, &reading)
        }
        reading.inside(field, of: context) { profile, reading in
            let type = profile["type"]?.text
            guard type.map(["RuntimeDefault", "Localhost"].contains) != true else { return }
            refuse(
                "the profile type '\(type?.shortened ?? "")' does not confine the container", "type", of: profile,
                &reading)
        }
    }

    private func checkSysctls(_ sysctls: SourceNode, _ reading: inout DocumentReading) {
        each(of: sysctls, &reading) { sysctl, reading in
            guard let name = sysctl["name"]?.text, !Self.sysctls.contains(name) else { return }
            refuse("changes '\(name.shortened)', a setting of the node", "name", of: sysctl, &reading)
        }
    }

    private func checkVolume(_ volume: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = volume.content else { return }
        for entry in entries where entry.key != "name" && !entry.value.isNull {
            if entry.key == "hostPath" {
                refuse("mounts files of the node", entry.key, of: volume, &reading)
            } else if isRestricted, !Self.volumes.contains(entry.key) {
                refuse("uses the volume type '\(entry.key.shortened)'", entry.key, of: volume, &reading)
            }
        }
    }

    private func checkAnnotations(_ annotations: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = annotations.content else { return }
        for entry in entries {
            let value = entry.value.text ?? ""
            let isAppArmor = entry.key.hasPrefix("container.apparmor.security.beta.kubernetes.io/")
            let isSeccomp =
                entry.key == "seccomp.security.alpha.kubernetes.io/pod"
                || entry.key.hasPrefix("container.seccomp.security.alpha.kubernetes.io/")
            guard isAppArmor || isSeccomp else { continue }
            let isConfined = ["runtime/default", "docker/default", ""].contains(value) || value.hasPrefix("localhost/")
            if !isConfined {
                refuse(
                    "the profile '\(value.shortened)' does not confine the container", entry.key, of: annotations,
                    &reading)
            }
        }
    }

    // MARK: A container

    private func checkContainer(_ container: SourceNode, isOwn: Bool, _ reading: inout DocumentReading) {
        reading.inside("ports", of: container) { ports, reading in
            each(of: ports, &reading) { port, reading in
                if let number = port["hostPort"], !number.isNull, PlainScalar.integer(number) != 0 {
                    refuse("uses a port of the node", "hostPort", of: port, &reading)
                }
            }
        }
        for handler in ["startupProbe", "readinessProbe", "livenessProbe"] {
            reading.inside(handler, of: container) { checkHost(of: $0, &$1) }
        }
        reading.inside("lifecycle", of: container) { lifecycle, reading in
            for hook in ["postStart", "preStop"] { reading.inside(hook, of: lifecycle) { checkHost(of: $0, &$1) } }
        }
        let context = container["securityContext"]
        if isRestricted, !isOwn, isMissing(context) {
            return reading.report(
                "is missing, but the Pod Security Standard 'restricted' requires it for every container",
                field: "securityContext",
                of: container,
                suggestion: "write securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}")
        }
        if isRestricted, takesAway("securityContext", of: container) {
            return refuse("removes the container's security context", "securityContext", of: container, &reading)
        }
        reading.inside("securityContext", of: container) { context, reading in
            checkContext(context, &reading)
            if isSet(context["privileged"]) {
                refuse("gets all privileges on the node", "privileged", of: context, &reading)
            }
            if let mount = context["procMount"]?.text, mount != "Default" {
                refuse("mounts the node's /proc", "procMount", of: context, &reading)
            }
            checkEscalation(context, isOwn: isOwn, &reading)
            checkCapabilities(context, isOwn: isOwn, &reading)
        }
    }

    private func checkHost(of handler: SourceNode, _ reading: inout DocumentReading) {
        for kind in ["httpGet", "tcpSocket"] {
            reading.inside(kind, of: handler) { action, reading in
                if action["host"]?.text?.isEmpty == false {
                    refuse("makes the node connect to another host", "host", of: action, &reading)
                }
            }
        }
    }

    private func checkEscalation(_ context: SourceNode, isOwn: Bool, _ reading: inout DocumentReading) {
        guard isRestricted, context.entry("allowPrivilegeEscalation") != nil || !isOwn,
            PlainScalar.bool(context["allowPrivilegeEscalation"]) != false
        else { return }
        refuse("is not false, so the container may gain privileges", "allowPrivilegeEscalation", of: context, &reading)
    }

    private func checkCapabilities(_ context: SourceNode, isOwn: Bool, _ reading: inout DocumentReading) {
        let capabilities = context["capabilities"]
        if isRestricted {
            let says = context.entry("capabilities") != nil
            let drops = capabilities?.entry("drop") != nil
            let dropsAll = capabilities?["drop"]?.texts.contains("ALL") ?? false
            if !dropsAll, isOwn ? says && (drops || capabilities?.isNull != false) : true {
                return refuse("does not drop ALL capabilities", "capabilities", of: context, &reading)
            }
        }
        let allowed = isRestricted ? ["NET_BIND_SERVICE"] : Self.capabilities
        let added = (capabilities?["add"]?.texts ?? []).filter { !allowed.contains($0) }
        guard let first = added.first, let capabilities else { return }
        reading.enter(.field("capabilities"))
        refuse("adds \(first.shortened)", "add", of: capabilities, &reading)
        reading.leave()
    }

    // MARK: Helpers for written fields

    private func isSet(_ node: SourceNode?) -> Bool {
        guard let node, !node.isNull else { return false }
        return PlainScalar.bool(node) != false
    }

    private func isMissing(_ node: SourceNode?) -> Bool { node?.isNull ?? true }

    /// Whether `field: null` removes what mlctl wrote there.
    private func takesAway(_ field: String, of node: SourceNode) -> Bool { node[field]?.isNull ?? false }

    private func each(
        of list: SourceNode, _ reading: inout DocumentReading, _ look: (SourceNode, inout DocumentReading) -> Void
    ) {
        guard case .sequence(let items) = list.content else { return }
        for (index, item) in items.enumerated() {
            reading.enter(.index(index))
            look(item, &reading)
            reading.leave()
        }
    }

    private static let server = "model"
    private static let volumes: Set<String> = [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
    ]
    private static let capabilities: Set<String> = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]
    private static let seLinuxTypes: Set<String> = [
        "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t",
    ]
    private static let sysctls: Set<String> = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    ]
}

extension SourceNode {
    /// The texts in a list.
    fileprivate var texts: [String] { if case .sequence(let items) = content { items.compactMap(\.text) } else { [] } }
}

extension PlainScalar {
    fileprivate static func bool(_ node: SourceNode?) -> Bool? { node.flatMap { PlainScalar.bool($0) } }
}
