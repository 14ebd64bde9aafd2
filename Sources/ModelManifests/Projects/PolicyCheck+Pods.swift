import JSON

/// Checks what a pod template starts, and where it takes a model from.
extension PolicyCheck {
    /// The folder where pods mount the model's files.
    private static let modelFolder = PodContainer.folder(PodTemplateRules.modelFolder)
    /// Fields that change what one of mlctl's own containers does. Resources and security settings are not among them.
    private static let makings = [
        "image", "command", "args", "env", "envFrom", "workingDir", "volumeMounts", "volumeDevices", "lifecycle",
        "restartPolicy",
    ]

    mutating func checkContainers() {
        guard deployment.target != .local, let template = deployment.template.runtime.pod?.template else { return }
        let holdsModels = rules.compiled.modelSources != nil
        guard holdsModels || !rules.allowsOtherCode else { return }
        let containers = PodContainer.all(of: template)
        for container in containers {
            if container.isOfMlctl {
                checkOwnContainer(container)
            } else if !rules.allowsOtherCode {
                checkStartable(container)
            }
            if holdsModels { checkModelFiles(container) }
        }
        if holdsModels { checkVolumes(template) }
    }

    /// A container that fetches the model's files is trusted to do that and nothing else.
    private mutating func checkOwnContainer(_ container: PodContainer) {
        for field in Self.makings where container.fields[field] != nil {
            refuse(
                rules.allowsOtherCode ? "modelSources" : "commands",
                "changes '\(field)' of the container '\(container.name.shortened)', which belongs to mlctl",
                at: container.site(field))
        }
    }

    private mutating func checkStartable(_ container: PodContainer) {
        let noun = "the container '\(container.name.shortened)' of the pod"
        if let image = container.image {
            refuse(rules.problem(withImage: image, of: noun), at: container.site("image"))
        }
        if let command = container.fields["command"], Optional(command).elements.isEmpty, container.isServer {
            refuse(
                "commands", "removes the command of \(noun), but the project limits commands",
                at: container.site("command"))
        }
        if rules.policy.commands == .deny, container.fields["args"] != nil {
            refuse(
                "commands", "changes the arguments of \(noun), but the project denies commands",
                at: container.site("args"))
        }
        if container.isServer, container.fields["workingDir"] != nil {
            refuse(
                "commands",
                "\(noun) starts in another folder, from which it may load code, but the project limits commands",
                at: container.site("workingDir"))
        }
        for (variable, index) in container.variables where CodeLoading.isDangerous(variable) {
            refuse(
                "commands",
                "the variable \(variable.shortened) of \(noun) can make a program load other code, but the project limits "
                    + "commands", at: container.site("env", index))
        }
        if !container.fields["envFrom"].elements.isEmpty {
            refuse(
                "commands",
                "\(noun) takes variables from other objects (envFrom), which can make a program load other code, but the "
                    + "project limits commands", at: container.site("envFrom"))
        }
        for mount in container.mounts where !CodeLoading.isOfData(mount.folder) {
            refuse(
                "commands",
                "\(noun) mounts '\(mount.volume.shortened)' at /\(mount.folder.joined(separator: "/").shortened), where it may "
                    + "take the place of a program, and the project limits commands: mount it at or below one of "
                    + CodeLoading.dataFolderNames, at: container.site("volumeMounts", mount.index))
        }
    }

    private mutating func checkModelFiles(_ container: PodContainer) {
        let noun = "the container '\(container.name.shortened)' of the pod"
        if container.isServer {
            for field in ["volumeMounts", "env", "workingDir"]
            where container.fields[field] == .null || field == "workingDir" && container.fields[field] != nil {
                refuse(
                    "modelSources", "changes '\(field)' of \(noun), which the server needs to find its model",
                    at: container.site(field)
                )
            }
            for (variable, index) in container.variables where ModelLoading.isDangerous(variable) {
                refuse(
                    "modelSources",
                    "\(noun) sets \(variable.shortened), which makes a server load another model, or from elsewhere",
                    at: container.site("env", index))
            }
        }
        for mount in container.mounts {
            if mount.volume == PodTemplateRules.modelVolume {
                refuse(
                    "modelSources", "\(noun) mounts the volume '\(mount.volume)', which contains the model's files",
                    at: container.site("volumeMounts", mount.index))
            } else if mount.folder.starts(with: Self.modelFolder) || Self.modelFolder.starts(with: mount.folder) {
                refuse(
                    "modelSources",
                    "\(noun) mounts '\(mount.volume.shortened)' over \(PodTemplateRules.modelFolder), which contains the model's files",
                    at: container.site("volumeMounts", mount.index))
            }
        }
    }

    private mutating func checkVolumes(_ template: JSONValue) {
        let spec = template["spec"]
        for field in ["volumes", "initContainers", "containers"] where spec?[field] == .null {
            refuse(
                "modelSources", "removes '\(field)', which provide the model's files",
                at: .template([.field("spec"), .field(field)]))
        }
        for (index, volume) in (spec?["volumes"]).elements.enumerated()
        where volume["name"] == .string(PodTemplateRules.modelVolume) {
            refuse(
                "modelSources",
                "changes the volume '\(PodTemplateRules.modelVolume)', which contains the model's files",
                at: .template([.field("spec"), .field("volumes"), .index(index)]))
        }
    }
}

extension PodContainer {
    /// One of its fields, or an entry of that.
    fileprivate func site(_ field: String, _ index: Int? = nil) -> Violation.Site {
        .template(path + [.field(field)] + (index.map { [.index($0)] } ?? []))
    }
}
