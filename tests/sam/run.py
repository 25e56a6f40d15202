"""Runs the functions as `sam local` runs them, in containers, against `cargo ghl-sync up`.

It takes what `sam build` built, and `cases.json`: events of `events/`, and what the function must answer to each. A new
function needs an event and a case; what is asked of every function is asked of it as well.

`sam local invoke` starts a container for each event. A function that answers HTTP is so invoked with its own event only,
and with its others by `sam local start-lambda`, whose containers stay: one after the other, in the order of the file.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import containers
import local_stack
from local_stack import EVENTS, ROOT

BASE_IMAGE = "public.ecr.aws/lambda/provided:al2023-x86_64"
CASES = Path(__file__).with_name("cases.json")
# What the sandbox of a case must have seen, if the case does not say.
NOTHING = {"calls": 0}
# Without these no function starts; the receiver of webhooks sends nothing to the queue.
REQUIRED = ["BATCH_QUEUE_URL", "RECORDS_TABLE", "STATE_TABLE"]
NOT_REQUIRED = {"WebhookFunction": ["BATCH_QUEUE_URL"]}
# Where `sam local start-lambda` listens.
LAMBDA = "http://127.0.0.1:3001"
# Where `sam local start-api` listens.
API = "http://127.0.0.1:3000"
# Seconds. An invocation in a container takes three.
INVOCATION = 120
EMULATOR_START = 120
MIGRATION = 120
LIST_LAG = 11


class Wrong(Exception):
    """Something is not as it must be."""


def main():
    functions = local_stack.built_functions()
    cases = read_cases(functions)
    with containers.engine(), containers.base_image(BASE_IMAGE, [function.bootstrap for function in functions]):
        alone = [case for case in cases if not stays_warm(case)]
        for case in alone:
            check_case(case)
        print(f"note: sam local invoke: {len(alone)} events to {len(functions)} functions, answered as expected")
        for function in functions:
            check_bad_start(function)
        print("note: sam local invoke: each function names all that is missing in its environment")
        warm = [case for case in cases if stays_warm(case)]
        with emulator("start-lambda", "--warm-containers", "EAGER"):
            check_warm_cases(warm)
            contacts, migrated = check_sync_and_migration()
        print(f"note: sam local start-lambda: {len(warm)} events answered as expected")
        print(f"note: sam local start-lambda and the AWS CLI: {contacts} contacts synced into the sandbox")
        print(f"note: sam local start-lambda and the AWS CLI: {migrated} of them migrated into another location")
        answered = check_start_api()
        print(f"note: sam local start-api: {answered} requests answered as expected")


# -- sam local invoke --------------------------------------------------------------------------------------------------


def read_cases(functions):
    """The cases, with the function that each is for. No event goes without a case, and no function without an event."""
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    events = {path.stem for path in EVENTS.glob("*.json") if path != local_stack.ENVIRONMENT}
    if events != {case["event"] for case in cases}:
        raise Wrong(f"{CASES.name} and {EVENTS.name}/ differ: {events ^ {case['event'] for case in cases}}")
    for case in cases:
        owners = [function for function in functions if function.owns(case["event"])]
        if len(owners) != 1:
            raise Wrong(f"{case['event']} is for {owners or 'no function'}")
        case["function"] = owners[0]
    idle = set(functions) - {case["function"] for case in cases}
    if idle:
        raise Wrong(f"no event for {idle}")
    return cases


def stays_warm(case):
    """Whether it is for a container that other cases use as well."""
    return "statusCode" in case["answer"] and case["event"] != case["function"].event


def check_case(case):
    """The answer, and what the sandbox saw of it."""
    with local_stack.fresh():
        answer = invoke(case["function"], case["event"])
        stats = local_stack.sandbox_stats()
    check_answer(case, answer)
    expect(f"the sandbox after {case['event']}", stats, case.get("sandbox", NOTHING))


def check_answer(case, answer):
    """The answer, and what an HTTP response has in its body."""
    expect(f"the answer to {case['event']}", answer, case["answer"])
    if "body" in case:
        expect(f"the body of the answer to {case['event']}", json.loads(answer["body"]), case["body"])


def check_bad_start(function):
    """A function that cannot start says why, and names everything at once."""
    values = json.loads(local_stack.ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"]
    values.update({name: "" for name in REQUIRED}, GHL_SYNC_BATCH_SIZE="many")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"Parameters": values}, file)
        file.flush()
        answer = invoke(function, function.event, "--env-vars", file.name)
    expect(f"the kind of error of {function} without environment", answer["errorType"], "Runtime.ConfigInvalid")
    faults = {*REQUIRED, "GHL_SYNC_BATCH_SIZE"} - set(NOT_REQUIRED.get(function.name, []))
    unnamed = sorted(name for name in faults if name not in answer["errorMessage"])
    expect(f"what {function} without environment does not name in: {answer['errorMessage']}", unnamed, [])


def invoke(function, event, *options):
    """`sam local invoke` with an event of `events/`. samconfig.toml has the rest."""
    command = ["sam", "local", "invoke", function.name, "--event", EVENTS / f"{event}.json", "--skip-pull-image"]
    ran = run_in_container([*command, *options])
    if never_began(ran):
        print(f"note: the container for {function} with {event} never began; a second one takes its place")
        ran = run_in_container([*command, *options])
    try:
        return json.loads(ran.stdout)
    except json.JSONDecodeError:
        raise Wrong(f"sam local invoke {function} with {event} printed no JSON: {ran.stdout}\n{ran.stderr}") from None


def run_in_container(command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=INVOCATION)


def never_began(ran):
    """Whether SAM gave up on a container whose emulator took no event: nothing of ours ran in it. A function that hangs
    has begun."""
    return "No response from invoke container" in ran.stderr and "START RequestId" not in ran.stderr


def expect(what, found, expected):
    """`found` must be `expected`; where that is an object, have at least its fields."""
    if not agrees(found, expected):
        raise Wrong(f"{what} is not as expected\nexpected: {json.dumps(expected)}\nfound:    {json.dumps(found)}")


def agrees(found, expected):
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and agrees(found[name], value) for name, value in expected.items())
    return found == expected


# -- sam local start-lambda --------------------------------------------------------------------------------------------


def check_warm_cases(cases):
    """All of them against one local stack. They make the calls to GoHighLevel that they say."""
    with local_stack.fresh():
        for case in cases:
            event = (EVENTS / f"{case['event']}.json").read_bytes()
            url = f"{LAMBDA}/2015-03-31/functions/{case['function'].name}/invocations"
            with urllib.request.urlopen(url, data=event, timeout=INVOCATION) as answer:
                check_answer(case, json.load(answer))
        stats = local_stack.sandbox_stats()
    calls = sum(case.get("sandbox", NOTHING)["calls"] for case in cases)
    expect("the sandbox after all of them", stats, {"calls": calls})


def check_sync_and_migration():
    """The sample location is synced, and then migrated into another one. Returns how many contacts arrived, and how many
    of them were migrated."""
    with local_stack.fresh():
        contacts = check_sync()
        return contacts, check_migration(contacts)


def check_sync():
    """The scheduler starts the sample location, and the consumer gets its messages until the queue is empty: here an
    event source mapping made of the AWS CLI. Returns how many contacts arrived."""
    due = len(local_stack.CONTACTS.read_text(encoding="utf-8").splitlines()) - 1
    started = call_lambda("SchedulerFunction", json.loads((EVENTS / "scheduler.json").read_text(encoding="utf-8")))
    expect("the scheduler's answer", started, {"started": 1, "failed": 0})
    while pass_on("BATCH_QUEUE_URL", "ConsumerFunction"):
        pass
    stats = local_stack.sandbox_stats()
    expect("the sandbox after all batches", stats, {"contacts": due, "ok": due, "status_429": 0, "duplicates": 0})
    return stats["contacts"]


def check_migration(contacts):
    """The API starts a migration, and the migrator and the consumer get their messages until it is over. Returns how many
    contacts were migrated."""
    # GoHighLevel's lists, and so the sandbox's, show what was written only after some seconds.
    time.sleep(LIST_LAG)
    call_api("PUT", "/v1/locations/loc_new", {}, 200)
    order = {"source": "loc_demo", "target": "loc_new", "auto_approve": True}
    started = call_api("POST", "/api/v1/migration/start", order, 202)
    report = f"/api/v1/migration/{started['migration_id']}/report"
    deadline = time.monotonic() + MIGRATION
    while (found := call_api("GET", report, None, 200))["status"] == "running":
        if time.monotonic() > deadline:
            raise Wrong(f"the migration takes too long: {json.dumps(found)}")
        pass_on("MIGRATION_QUEUE_URL", "MigratorFunction")
        pass_on("BATCH_QUEUE_URL", "ConsumerFunction")
    whole = {
        "status": "done",
        "contacts": {"source": contacts, "migrated": contacts, "failed": 0},
        "readiness_percent": 100,
        "verify": {"ok": contacts, "missing": 0, "different": 0},
        "ghl": {"status_429": 0},
    }
    expect("the report of the migration", found, whole)
    expect("the sandbox after it", local_stack.sandbox_stats(), {"contacts": 2 * contacts, "duplicates": 0})
    return found["contacts"]["migrated"]


def call_api(method, path, body, status):
    """What the API answers, which must be of this status."""
    event = json.loads((EVENTS / "api-set-location.json").read_text(encoding="utf-8"))
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = method
    event["body"] = None if body is None else json.dumps(body)
    event["headers"].pop("content-length")
    answer = call_lambda("ApiFunction", event)
    expect(f"the status of {method} {path}: {answer.get('body')}", answer.get("statusCode"), status)
    return json.loads(answer["body"])


# -- sam local start-api -----------------------------------------------------------------------------------------------


def check_start_api():
    """The HTTP API as `sam local` serves it: the open route, the others with a key and without. Returns how many
    requests were sent."""
    key = {"x-api-key": "local-key", "content-type": "application/json"}
    contact = json.dumps({"id": "crm-42", "contact": {"email": "ada@example.com"}}).encode()
    contacts = "/v1/locations/loc_demo/contacts"
    requests = [
        ("GET", "/health", {}, None, 200),
        ("GET", "/v1/overview", {}, None, 401),
        ("GET", "/v1/overview", key, None, 200),
        ("POST", contacts, key, contact, 202),
        ("POST", contacts, key, contact[:-3], 400),
        ("GET", "/v1/locations/loc_demo/records/contact/crm-42", key, None, 200),
        ("GET", "/nowhere", key, None, 404),
    ]
    with local_stack.fresh(), emulator("start-api", "--warm-containers", "EAGER", listens_at=API):
        for method, path, headers, body, expected in requests:
            expect(f"the status of {method} {path}", status_of(method, path, headers, body), expected)
    return len(requests)


def status_of(method, path, headers, body):
    request = urllib.request.Request(API + path, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=INVOCATION) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


# -- SAM's servers -----------------------------------------------------------------------------------------------------


@contextmanager
def emulator(command, *options, listens_at=None):
    """One of SAM's servers, for as long as it is needed."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            ["sam", "local", command, *options, "--skip-pull-image"], cwd=ROOT, stdout=log, stderr=log,
            # A shell's background job ignores SIGINT, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            deadline = time.monotonic() + EMULATOR_START
            while not local_stack.listens(listens_at or LAMBDA):
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise Wrong(f"sam local {command} does not come up:\n{log.read().decode(errors='replace')}")
                time.sleep(0.2)
            yield
        finally:
            # As Ctrl-C does: it takes its containers down.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=180)


def call_lambda(function, event):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as payload, tempfile.NamedTemporaryFile() as answer:
        json.dump(event, payload)
        payload.flush()
        aws(
            *("lambda", "invoke", "--endpoint-url", LAMBDA, "--function-name", function),
            *("--payload", f"fileb://{payload.name}", answer.name),
        )
        return json.load(answer)


def pass_on(queue, function):
    """Hands the messages of a queue to its function. Whether there were any."""
    messages = receive(queue)
    if messages:
        answer = call_lambda(function, sqs_event(messages))
        expect(f"the answer of {function}", answer, {"batchItemFailures": []})
    return bool(messages)


def receive(name):
    """Takes a message off a queue, by its variable; none if there is none."""
    environment = local_stack.environment()
    queue = ["--endpoint-url", environment["AWS_ENDPOINT_URL_SQS"], "--queue-url", environment[name]]
    received = aws("sqs", "receive-message", *queue, "--wait-time-seconds", "2")
    messages = received.get("Messages", [])
    for message in messages:
        aws("sqs", "delete-message", *queue, "--receipt-handle", message["ReceiptHandle"])
    return messages


def sqs_event(messages):
    records = [{"messageId": it["MessageId"], "body": it["Body"], "eventSource": "aws:sqs"} for it in messages]
    return {"Records": records}


def aws(*arguments):
    command = ["aws", "--region", "us-east-1", "--output", "json", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=INVOCATION)
    if ran.returncode != 0:
        raise Wrong(f"{' '.join(command)}: {ran.stderr}")
    return json.loads(ran.stdout or "{}")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")
