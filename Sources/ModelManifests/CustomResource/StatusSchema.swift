/// The schema of a ModelDeployment's `status` in a cluster: what people and tools read, and the record from which the next
/// controller continues.
enum StatusSchema {
    static let schema = object(
        "What mlctl has made of it. Written by mlctl only.",
        [
            "observedGeneration": integer("The generation of spec that this is about."),
            "phase": text("Where the rollout stands: Idle, Preparing, Progressing, … Healthy, RolledBack, Failed."),
            "since": time("Since when."),
            "message": text("What is going on, in a sentence."),
            "waitingFor": text("What it waits for."),
            "waiting": object(
                "What it waits for, how long, and what a person can do.",
                [
                    "cause": text("What it waits for."), "remedy": text("What a person can do."),
                    "since": time("Since when."), "endsAt": time("When it ends by itself."),
                    "needsPerson": flag("It does not end without a person."),
                ]),
            "deadlineAt": time("When the rollout is given up."),
            "endpoint": text("Where the service answers."),
            "preview": text("Where the candidate can be tried."),
            "commit": text("The commit that spec was taken from."),
            "desired": revision("What git wants."),
            "stable": revision("What users rely on."),
            "candidate": revision("What is under judgement."),
            "step": object(
                "The step of the rollout.",
                [
                    "index": integer("From 0."), "count": integer("Of how many."), "description": text("What it does."),
                ]),
            "gates": gates,
            "project": text("Whose deployment it is."),
            "split": object(
                "Whether requests are split as asked.",
                [
                    "isMismatched": flag("They are not, or too many of one side are missing."),
                    "requests": integer("Of both sides."), "candidate": integer("Given to the candidate."),
                    "asked": integer("As many as it was to have."),
                    "candidateMissing": integer("Of the candidate, in no gate's evidence."),
                    "stableMissing": integer("Of stable, in no gate's evidence."),
                    "reason": text("In words."),
                ]),
            "selfCheck": object(
                "How often its gates would have rolled back a rollout of stable against itself.",
                [
                    "rollouts": integer("Rollouts that were judged against themselves."),
                    "falseAlarms": integer("Those of them in which a gate failed."),
                    "promisedRate": number("As the gates promise, of one rollout."),
                    "isBroken": flag("More false alarms than the promise allows and than chance explains."),
                    "reason": text("In words."),
                ]),
            "quarantined": list(
                "Revisions that are not tried again.", heldOff),
            "passedOver": list("Revisions that a rollback passes over, though git may ask for them.", heldOff),
            "conditions": conditions,
            "instances": list(
                "Running model servers, those with something wrong first.",
                [
                    "id": text("Its pod."), "revision": text("Its revision."),
                    "condition": text("How it is, in a word."),
                    "restarts": integer("How often it was started again."),
                    "ejected": flag("The data plane has taken it out of rotation."), "reason": text("What is wrong."),
                ]),
            "availableSince": time("Since when all that should serve has served."),
            "degradedSince": time("Since when something that should serve has not."),
            "leftVersion": text("The version that a rollback or an abort left."),
            "cutRequests": integer("Requests that were cut off because they outlived their drain."),
            "refusedConnections": integer("Connections that no instance took."),
            "lastSeenAt": time("Of one that cannot be seen now: all that is said of it is as it was then."),
            "record": object(
                "The rollout's record, swapped in as one. Not for reading by others.",
                [
                    "version": integer("Counts the swaps."), "state": text("The state, as JSON."),
                    "seal": text("The controller's signature of it."),
                ]),
            "events": list(
                "The latest decisions.",
                [
                    "id": ["x-kubernetes-int-or-string": true, "description": "Its id."],
                    "kind": text("What happened."), "message": text("In words."), "at": time("When."),
                    "revision": text("The revision that it is about."), "version": text("Its version."),
                    "commit": text("The commit that was wanted."), "actor": text("Who asked for it."),
                    "project": text("Whose deployment it was."),
                    "claimedActor": text("Who the client said that it acts for; nobody has checked that."),
                    "evidence": gates,
                ]),
        ])

    private static let heldOff = [
        "revision": text("The revision."), "version": text("Its version."), "reason": text("Why."),
        "at": time("Since when."),
    ]

    private static let gates = list(
        "What each gate says.",
        [
            "name": text("Its name."), "verdict": text("pass, fail or insufficient."),
            "samples": integer("The candidate's."), "reason": text("Why."),
            "warnOnly": flag("Nothing acts on it."), "missing": text("What it still needs to pass."),
        ])

    private static func revision(_ summary: String) -> JSONValue {
        object(
            summary,
            [
                "revision": text("The revision."), "version": text("The version shown to people."),
                "weight": integer("Its share of the traffic, in per cent."),
                "replicas": integer("How many instances are wanted."), "ready": integer("How many are ready."),
                "restarts": integer("Restarts of its instances."),
                "ejected": integer("Instances that are out of rotation."),
                "unavailable": integer("Requests meant for it that it could not take."),
                "abandoned": integer("Requests to it whose clients gave up."),
                "progress": text("How far those are that do not serve yet."),
                "cpuSeconds": number("CPU seconds of its instances, where that is measured."),
                "memoryBytes": integer("Resident bytes of its instances, where that is measured."),
                "commit": text("The commit that brought it."),
            ])
    }

    /// The conditions that kstatus defines (Ready, Reconciling, Stalled), and Available.
    private static let conditions = list(
        "Ready, Reconciling, Stalled, as kstatus has them, and Available.",
        [
            "type": text("Its type."), "status": text("True, False or Unknown."),
            "reason": text("A word for programs."), "message": text("A sentence for people."),
            "lastTransitionTime": time("When status changed."),
            "observedGeneration": integer("The generation of spec that this is about."),
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
