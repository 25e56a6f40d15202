"""Runs the functions as `sam local` runs them, in containers, against `cargo ghl-sync up`.

It uses the output of `sam build`, and `cases.json`: events of `events/`, each with the expected answer. A new function
needs an event and a case; the checks for every function then apply to it automatically.

`sam local invoke` starts a container for each event. A function that answers HTTP gets only its own event this way, and
its others through `sam local start-lambda`, which keeps its containers: one event at a time, in the order of the file.
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
# Expected sandbox counts, if the case has none.
NOTHING = {"calls": 0}
# No function starts without these. The webhook receiver sends nothing to the queue, so it needs no queue URL.
REQUIRED = ["BATCH_QUEUE_URL", "RECORDS_TABLE", "STATE_TABLE"]
NOT_REQUIRED = {"WebhookFunction": ["BATCH_QUEUE_URL"]}
# Where `sam local start-lambda` listens.
LAMBDA = "http://127.0.0.1:3001"
# Where `sam local start-api` listens.
API = "http://127.0.0.1:3000"
# Seconds. An invocation in a container takes two.
INVOCATION = 120
EMULATOR_START = 120
MIGRATION = 120
LIST_LAG = 11


class Wrong(Exception):
    """A check failed."""


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
    """The cases, each with its function. Every event must have a case, and every function an event."""
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
    """Whether it uses a container shared with other cases."""
    return "statusCode" in case["answer"] and case["event"] != case["function"].event


def check_case(case):
    """The answer, and the calls that the sandbox saw."""
    with local_stack.fresh():
        answer = invoke(case["function"], case["event"])
        stats = local_stack.sandbox_stats()
    check_answer(case, answer)
    expect(f"the sandbox after {case['event']}", stats, case.get("sandbox", NOTHING))


def check_answer(case, answer):
    """The answer, with the body of an HTTP response parsed."""
    expect(f"the answer to {case['event']}", answer, case["answer"])
    if "body" in case:
        expect(f"the body of the answer to {case['event']}", json.loads(answer["body"]), case["body"])


def check_bad_start(function):
    """A function that cannot start says why, and names all faults at once."""
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
    """`sam local invoke` with an event of `events/`. samconfig.toml has the other options."""
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
    """Whether SAM gave up on a container because its emulator took no event, so none of our code ran. A function that
    hangs has begun."""
    return "No response from invoke container" in ran.stderr and "START RequestId" not in ran.stderr


def expect(what, found, expected):
    """`found` must equal `expected`; an object must have at least the expected fields."""
    if not agrees(found, expected):
        raise Wrong(f"{what} is not as expected\nexpected: {json.dumps(expected)}\nfound:    {json.dumps(found)}")


def agrees(found, expected):
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and agrees(found[name], value) for name, value in expected.items())
    return found == expected


# -- sam local start-lambda --------------------------------------------------------------------------------------------


def check_warm_cases(cases):
    """Runs all cases against one local stack. Each must make exactly the calls to GoHighLevel that it lists."""
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
    """Syncs the sample location, then migrates it into another one. Returns the numbers of contacts that arrived and that
    were migrated."""
    with local_stack.fresh():
        contacts = check_sync()
        return contacts, check_migration(contacts)


def check_sync():
    """The scheduler starts the sample location, and the consumer gets its messages until the queue is empty. The AWS CLI
    stands in for the event source mapping. Returns the number of contacts that arrived."""
    due = len(local_stack.CONTACTS.read_text(encoding="utf-8").splitlines()) - 1
    started = call_lambda("SchedulerFunction", json.loads((EVENTS / "scheduler.json").read_text(encoding="utf-8")))
    expect("the scheduler's answer", started, {"started": 1, "failed": 0})
    while pass_on("BATCH_QUEUE_URL", "ConsumerFunction"):
        pass
    stats = local_stack.sandbox_stats()
    expect("the sandbox after all batches", stats, {"contacts": due, "ok": due, "status_429": 0, "duplicates": 0})
    return stats["contacts"]


def check_migration(contacts):
    """The API starts a migration, and the migrator and the consumer get their messages until it ends. Returns the number
    of migrated contacts."""
    # GoHighLevel's lists, and so the sandbox's, show a write only after some seconds.
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
    """The answer of the API, which must have this status."""
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
    """The HTTP API as `sam local` serves it: the open route, and the others with and without a key. Returns the number of
    requests."""
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
    """One of SAM's servers, stopped at the end of the `with` block."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            ["sam", "local", command, *options, "--skip-pull-image"], cwd=ROOT, stdout=log, stderr=log,
            # A shell's background job ignores SIGINT, and so would every process that it starts.
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
            # Like Ctrl-C: SAM then removes its containers.
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
    """Delivers the messages of a queue to its function. Returns whether there were any."""
    messages = receive(queue)
    if messages:
        answer = call_lambda(function, sqs_event(messages))
        expect(f"the answer of {function}", answer, {"batchItemFailures": []})
    return bool(messages)


def receive(name):
    """Receives a message from the queue of this variable; None if it is empty."""
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
