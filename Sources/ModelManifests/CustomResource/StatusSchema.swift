import JSON

/// The schema of a ModelDeployment's `status` in a cluster: what people and tools read, and the record from which the next
/// controller continues.
enum StatusSchema {
    static let schema = object(
        "The observed state. Only mlctl writes it.",
        [
            "observedGeneration": integer("The generation of spec that this status is about."),
            "phase": text("Where the rollout stands: Idle, Preparing, Progressing, … Healthy, RolledBack, Failed."),
            "since": time("When the phase began."),
            "message": text("What is going on, in one sentence."),
            "waitingFor": text("What the deployment waits for."),
            "waiting": object(
                "What the deployment waits for, since when, and what a person can do.",
                [
                    "cause": text("What the deployment waits for."), "remedy": text("What a person can do."),
                    "since": time("When the wait began."), "endsAt": time("When the wait ends by itself."),
                    "needsPerson": flag("The wait does not end until a person acts."),
                ]),
            "deadlineAt": time("When the rollout is given up, unless it advances."),
            "endpoint": text("Where the service answers."),
            "preview": text("Where the candidate can be tried before it gets traffic."),
            "commit": text("The commit that spec comes from."),
            "desired": revision("The revision that git asks for."),
            "stable": revision("The revision that users rely on."),
            "candidate": revision("The revision that the rollout evaluates."),
            "step": object(
                "The current step of the rollout.",
                [
                    "index": integer("The step's number, from 0."), "count": integer("The number of steps."),
                    "description": text("What the step does."),
                ]),
            "gates": gates,
            "project": text("The project that the deployment belongs to."),
            "split": object(
                "Whether requests are split by the wanted weights.",
                [
                    "isMismatched": flag(
                        "The split differs from the weights, or too many requests of one side are missing."),
                    "requests": integer("Requests of both sides."),
                    "candidate": integer("Requests that the candidate got."),
                    "asked": integer("Requests that the candidate should have got."),
                    "candidateMissing": integer("Requests of the candidate that are in no gate's evidence."),
                    "stableMissing": integer("Requests of stable that are in no gate's evidence."),
                    "reason": text("The reason, for people."),
                ]),
            "selfCheck": object(
                "How often the gates would have rolled back stable when it was compared with itself.",
                [
                    "rollouts": integer("Rollouts in which stable was compared with itself."),
                    "falseAlarms": integer("Rollouts among these in which a gate failed."),
                    "promisedRate": number("The promised false rollback rate of one rollout."),
                    "isBroken": flag("There are more false alarms than the promise allows and chance explains."),
                    "reason": text("The reason, for people."),
                ]),
            "quarantined": list(
                "Revisions that are not tried again until the serving template changes or somebody runs mlctl retry.",
                heldBack("When it was quarantined.")),
            "passedOver": list(
                "Revisions that a rollback passes over, although git may ask for them.",
                heldBack("When it was aborted or rolled back.")),
            "conditions": conditions,
            "instances": list(
                "Running model servers; those with a problem come first.",
                [
                    "id": text("The name of its pod."), "revision": text("Its revision."),
                    "condition": text("Its condition, in one word."),
                    "restarts": integer("How often it was restarted."),
                    "ejected": flag("The proxy sends it no traffic, because it fails more than its siblings."),
                    "reason": text("What is wrong."),
                ]),
            "availableSince": time("Since when everything that should serve has served."),
            "degradedSince": time("Since when something that should serve has not served."),
            "leftVersion": text("The version that a rollback or an abort left."),
            "cutRequests": integer("Requests that were cut off because they took longer than their drain timeout."),
            "refusedConnections": integer("Connections that no instance accepted."),
            "lastSeenAt": time(
                "Set while the deployment cannot be observed: everything in this status is as it was then."),
            "record": object(
                "The rollout's record, written with compare-and-swap. Other programs should not read it.",
                [
                    "version": integer("Counts the writes."), "state": text("The state, as JSON."),
                    "seal": text("The controller's signature of it."),
                ]),
            "events": list(
                "The latest decisions.",
                [
                    "id": ["x-kubernetes-int-or-string": true, "description": "Its id."],
                    "kind": text("What happened."), "message": text("The event in one sentence."),
                    "at": time("When it happened."),
                    "revision": text("The revision that it is about."), "version": text("Its version."),
                    "commit": text("The commit that was desired then."), "actor": text("Who requested it."),
                    "project": text("The project that the deployment belonged to."),
                    "claimedActor": text("Whom the client claims to act for. mlctl has not checked this."),
                    "reason": text("Why they requested it, in their words."),
                    "evidence": gates,
                ]),
        ])

    private static func heldBack(_ at: String) -> [String: JSONValue] {
        [
            "revision": text("The revision."), "version": text("Its version."), "reason": text("Why it is not tried."),
            "at": time(at),
        ]
    }

    private static let gates = list(
        "The verdict of each gate.",
        [
            "name": text("Its name."), "verdict": text("pass, fail or insufficient."),
            "samples": integer("Samples of the candidate."), "reason": text("The reason for the verdict."),
            "warnOnly": flag("The gate only warns; nothing acts on its verdict."),
            "missing": text("What the gate still needs to pass."),
        ])

    private static func revision(_ summary: String) -> JSONValue {
        object(
            summary,
            [
                "revision": text("The revision."), "version": text("The version shown to people."),
                "weight": integer("Its share of the traffic, in per cent."),
                "replicas": integer("How many instances there should be."),
                "ready": integer("How many instances are ready."),
                "restarts": integer("Restarts of its instances."),
                "ejected": integer("Instances that get no traffic because they fail more than their siblings."),
                "unavailable": integer("Requests meant for it that it could not take."),
                "abandoned": integer("Requests to it whose clients gave up."),
                "progress": text("The progress of the instances that do not serve yet."),
                "cpuSeconds": number("CPU seconds that its instances used, where measured."),
                "memoryBytes": integer("Resident memory of its instances in bytes, where measured."),
                "commit": text("The commit that brought it."),
            ])
    }

    /// The conditions that kstatus defines (Ready, Reconciling, Stalled), and Available.
    private static let conditions = list(
        "Ready, Reconciling and Stalled, as kstatus defines them, and Available.",
        [
            "type": text("Its type."), "status": text("True, False or Unknown."),
            "reason": text("A reason for programs, in one word."), "message": text("A sentence for people."),
            "lastTransitionTime": time("When the condition's status last changed."),
            "observedGeneration": integer("The generation of spec that this condition is about."),
        ],
        required: ["type", "status"]
    ).merging(["x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]])

    private static func text(_ summary: String) -> JSONValue {
        ["type": "string", "nullable": true, "description": .string(summary)]
    }

    private static func time(_ summary: String) -> JSONValue {
        ["type": "string", "format": "date-time", "nullable": true, "description": .string(summary)]
    }

    private static func integer(_ summary: String) -> JSONValue {
        ["type": "integer", "format": "int64", "nullable": true, "description": .string(summary)]
    }

    private static func number(_ summary: String) -> JSONValue {
        ["type": "number", "nullable": true, "description": .string(summary)]
    }

    private static func flag(_ summary: String) -> JSONValue {
        ["type": "boolean", "nullable": true, "description": .string(summary)]
    }

    private static func object(_ summary: String, _ properties: [String: JSONValue]) -> JSONValue {
        [
            "type": "object", "nullable": true, "description": .string(summary), "properties": .object(properties),
        ]
    }

    private static func list(
        _ summary: String, _ properties: [String: JSONValue], required: [String] = []
    ) -> JSONValue {
        var item: [String: JSONValue] = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty {
            item["required"] = .array(required.map { .string($0) })
            // The key of a list cannot be null.
            item["properties"] = .object(
                properties.mapValues { schema in
                    guard case .object(var members) = schema else { return schema }
                    members["nullable"] = nil
                    return .object(members)
                })
        }
        return [
            "type": "array", "nullable": true, "description": .string(summary), "items": .object(item),
        ]
    }
}
