"""The treatment of everybody in a practice: courses, doses, suppliers and issues, before anything is written down."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.records.synthetic.courses import Courses, Supply, make_courses, make_supply
from stepwell.records.synthetic.dice import Ints
from stepwell.records.synthetic.doses import Segments, make_segments
from stepwell.records.synthetic.issues import Issues, Manner, Runs, make_issues, make_manner, make_runs
from stepwell.records.synthetic.scene import Scene


@dataclass(frozen=True, slots=True)
class Treatment:
    scene: Scene
    courses: Courses
    supply: Supply
    segments: Segments
    manner: Manner
    runs: Runs
    issues: Issues

    @property
    def leaves(self) -> Ints:
        """Last day of the record of the person of each course."""
        return self.scene.leaves[self.courses.person]


def treat(scene: Scene) -> Treatment:
    courses = make_courses(scene)
    supply = make_supply(scene, courses)
    segments = make_segments(scene, courses)
    manner = make_manner(scene, courses)
    runs = make_runs(courses, segments, supply)
    return Treatment(scene, courses, supply, segments, manner, runs, make_issues(scene, runs, manner))
