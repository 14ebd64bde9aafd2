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
        let holdsModels = rules.policy.modelSources != nil
        guard holdsModels || !rules.allowsOtherCode else { return }
        let containers = PodContainer.all(of: template)
        for container in containers {
            if container.isOfMlctl {
                checkOfMlctl(container)
            } else if !rules.allowsOtherCode {
                checkStart(container)
            }
            if holdsModels { checkModelFiles(container) }
        }
        if holdsModels { checkVolumes(template) }
    }

    private mutating func refuseTemplate(_ rule: String, _ text: String) {
        refuse(
            Violation(rule, text, allows: nil), at: "spec.runtime.podTemplate", written.runtimePlace("podTemplate"))
    }

    /// A container that fetches the model's files is trusted to do that and nothing else.
    private mutating func checkOfMlctl(_ container: PodContainer) {
        for field in Self.makings where container.fields[field] != nil {
            refuseTemplate(
                rules.allowsOtherCode ? "modelSources" : "commands",
                "changes '\(field)' of the container '\(container.name.shortened)', which belongs to mlctl")
        }
    }

    private mutating func checkStart(_ container: PodContainer) {
        let noun = "the container '\(container.name.shortened)' of the pod"
        if let image = container.image {
            refuse(
                rules.problem(withImage: image, of: noun), at: "spec.runtime.podTemplate",
                written.runtimePlace("podTemplate"))
        }
        if let command = container.fields["command"], Optional(command).elements.isEmpty, container.isServer {
            refuseTemplate("commands", "removes the command of \(noun), but the project limits commands")
        }
        if rules.policy.commands == .deny, container.fields["args"] != nil {
            refuseTemplate(
                "commands", "changes the arguments of \(noun), but the project denies commands")
        }
        if container.isServer, container.fields["workingDir"] != nil {
            refuseTemplate(
                "commands",
                "\(noun) starts in another folder, from which it may load code, but the project limits commands")
        }
        for variable in container.variables where CodeLoading.isDangerous(variable) {
            refuseTemplate(
                "commands",
                "the variable \(variable.shortened) of \(noun) can make a program load other code, but the project limits "
                    + "commands")
        }
        if !container.fields["envFrom"].elements.isEmpty {
            refuseTemplate(
                "commands",
                "\(noun) takes variables from other objects (envFrom), which can make a program load other code, but the "
                    + "project limits commands")
        }
    }

    private mutating func checkModelFiles(_ container: PodContainer) {
        let noun = "the container '\(container.name.shortened)' of the pod"
        if container.isServer {
            for field in ["volumeMounts", "env", "workingDir"]
            where container.fields[field] == .null || field == "workingDir" && container.fields[field] != nil {
                refuseTemplate(
                    "modelSources", "changes '\(field)' of \(noun), which the server needs to find its model")
            }
            for variable in container.variables where RuntimeRules.variablesOfMlctl.contains(variable) {
                refuseTemplate("modelSources", "\(noun) sets \(variable), which the server needs to find its model")
            }
        }
        for mount in container.mounts {
            if mount.volume == PodTemplateRules.modelVolume {
                refuseTemplate(
                    "modelSources", "\(noun) mounts the volume '\(mount.volume)', which contains the model's files")
            } else if mount.folder.starts(with: Self.modelFolder) || Self.modelFolder.starts(with: mount.folder) {
                refuseTemplate(
                    "modelSources",
                    "\(noun) mounts '\(mount.volume.shortened)' over \(PodTemplateRules.modelFolder), which contains the model's files"
                )
            }
        }
    }

    private mutating func checkVolumes(_ template: JSONValue) {
        let spec = template["spec"]
        for field in ["volumes", "initContainers", "containers"] where spec?[field] == .null {
            refuseTemplate("modelSources", "removes '\(field)', which provide the model's files")
        }
        for volume in (spec?["volumes"]).elements
        where volume["name"] == .string(PodTemplateRules.modelVolume) {
            refuseTemplate(
                "modelSources", "changes the volume '\(PodTemplateRules.modelVolume)', which contains the model's files"
            )
        }
    }
}
