"""A job that can not go on is told to its service, kept, listed, and retried."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import PermanentError, TransientError
from chassis.jobs import JobFailure, JobKind, RunnerSettings
from chassis.service import JobRun
from support.job_world import World, takes_a_second
from support.virtual_loop import in_virtual_time


def test_tries_without_progress_have_a_limit_and_progress_counts_anew(world: World) -> None:
    async def story() -> None:
        settings = RunnerSettings(wait_first_s=1, tries_max=100, tries_max_by_kind={"stuck": 4})
        tries: list[int] = []

        async def stuck(run: JobRun) -> None:
            tries.append(run.attempts)
            raise TransientError("halo-away", "HaloPSA does not answer")

        async def slow(run: JobRun) -> None:
            step = int(run.checkpoint or b"0")
            if step < 8:
                if run.attempts:
                    await run.save(b"%d" % (step + 1))
                raise TransientError("halo-away", "HaloPSA does not answer")

        settings = RunnerSettings(wait_first_s=1, tries_max_by_kind={"stuck": 4, "slow": 4})
        async with world.running(
            takes_a_second, settings=settings, stuck=stuck, slow=slow
        ) as runner:
            await world.add("a", kind="stuck")
            await world.add("b", kind="slow")
            await runner.idle()
        assert tries == [0, 1, 2, 3]
        failed = await world.jobs.failed("msp")
        assert [(job.id, job.head.failure) for job in failed] == [
            ("a", JobFailure(code="halo-away", text="HaloPSA does not answer"))
        ]

    in_virtual_time(story())


def test_a_failed_job_is_told_to_the_service_kept_listed_and_retried_from_its_checkpoint(
    world: World,
) -> None:
    async def story() -> None:
        rights = False

        async def work(run: JobRun) -> None:
            world.say(f"{run.id} from {run.checkpoint!r}")
            await run.save(b"half")
            if run.id == "refused" and not rights:
                raise PermanentError("halo-rights", "no right to create invoices")

        async def failed(run: JobRun, failure: JobFailure) -> None:
            world.say(f"{run.id} failed {failure.code}")
            if not run.attempts:
                raise TransientError("store-away", "told again later")

        async with world.running(JobKind(work, failed)) as runner:
            await world.add("refused")
            await world.add("next")
            await runner.idle()
            [job] = await world.jobs.failed("msp")
            assert job.head.failure == JobFailure(
                code="halo-rights", text="no right to create invoices"
            )
            assert await world.jobs.failed("other tenant") == []
            rights = True
            assert await world.jobs.retry("msp", "refused")
            assert not await world.jobs.retry("msp", "next"), "only a failed job is retried"
            await runner.idle()
        assert [said.split(" ", 1)[1] for said in world.said] == [
            "refused from None", "refused failed halo-rights", "refused failed halo-rights",
            "next from None", "refused from b'half'",
        ]  # fmt: skip
        assert await world.jobs.failed("msp") == []

    in_virtual_time(story())


def test_a_bug_fails_the_job_and_the_lane_goes_on(world: World) -> None:
    async def story() -> None:

        async def work(run: JobRun) -> None:
            if run.id == "bad":
                raise KeyError("token=abcdefgh")

        async with world.running(work) as runner:
            await world.add("bad")
            await world.add("good")
            await runner.idle()
        [job] = await world.jobs.failed("msp")
        assert job.id == "bad"
        assert job.head.failure is not None
        assert job.head.failure.code == "bug"
        assert "KeyError" in job.head.failure.text
        assert "abcdefgh" not in job.head.failure.text

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ([TransientError("slow", ""), PermanentError("refused", "")], "refused"),
        ([PermanentError("refused", ""), ValueError("broken")], "bug"),
    ],
)
def test_of_steps_side_by_side_the_gravest_failure_decides(
    world: World, raised: list[Exception], code: str
) -> None:
    async def story() -> None:

        async def work(run: JobRun) -> None:
            raise ExceptionGroup("steps", [ExceptionGroup("inner", raised[:1]), *raised[1:]])

        async with world.running(work) as runner:
            await world.add("job")
            await runner.idle()
        [job] = await world.jobs.failed("msp")
        assert job.head.failure is not None
        assert job.head.failure.code == code

    in_virtual_time(story())


def test_a_kind_nobody_runs_waits_for_its_service_or_fails_when_there_is_no_other(
    world: World,
) -> None:
    async def story() -> None:
        await world.add("job", kind="elsewhere")
        await world.add("behind")
        async with world.running(takes_a_second):
            await asyncio.sleep(60)
            assert [job.id for job in await world.jobs.open("msp")] == ["job", "behind"]
        async with world.running(takes_a_second, settings=RunnerSettings(take_over=True)) as runner:
            await runner.idle()
        [failed] = await world.jobs.failed("msp")
        assert failed.head.failure is not None
        assert failed.head.failure.code == "unknown-job"

    in_virtual_time(story())
