"""Reducing a medicine: from a present dose to the person's own end point, in products that exist, never abruptly.

Pure functions over whole numbers and the knowledge base; the interface is what these modules name.

    model      Request, Plan, Step, Item, Built, History, Standing, Change, NotPlanned
    propose    propose(request, knowledge) -> Plan; NotPlanned says why not, where to go and what can be built instead
    replan     replan(plan, standing, change, knowledge) -> Plan from where the person is; lived(versions, until)
    choices    choices(medicine, knowledge, dose_ug) -> what a form offers
    supply     supply(plan, knowledge, when) -> quantities and prescription words by step; orders(lines, knowledge)
    build      build(dose_ug, products, ...) -> the best build of one dose, by exact search
    alternate  a dose on alternate days, for the one medicine that may be taken so
    words      doses and items in words, for clinicians and for people

Inside: `plan` makes the steps, `ways` says in which ways that is tried, `shape` says which dose a mode wants, `bounds` how far one step
may go, `guards` whether it is done here, `dates` on which days steps may fall.
"""
